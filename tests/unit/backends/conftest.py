"""Programs that stand in for kind, Docker and kubectl on PATH, and write down how they were called."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Fake = Callable[[str, str], Path]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, without a kubeconfig, and a PATH of its own with nothing but a shell's tools."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("PODWALK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    for name in ("PODWALK_KIND_CLUSTER", "PODWALK_KIND_IMAGE", "PODWALK_BACKEND", "KIND_EXPERIMENTAL_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def fake(place: Path) -> Fake:
    """Return a function that puts a shell script on PATH; its calls are kept in ``calls``."""

    def put(name: str, body: str) -> Path:
        path = place / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {place}/calls\n{body}\n')
        path.chmod(0o755)
        return path

    return put
