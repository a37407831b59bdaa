"""The import contracts of pyproject.toml catch what they are there to catch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("podwalk/network/broken.py", "import socket", "The core asks nothing of the outside"),
        ("podwalk/kubelet/broken.py", "from time import sleep", "The core asks nothing of the outside"),
        ("podwalk/network/broken.py", "import podwalk.simulation", "The network is a pure function of the objects"),
        ("podwalk/network/broken.py", "import kubernetes.client", "The network is a pure function of the objects"),
        ("podwalk/api/broken.py", "import ssl", "TLS in the core is for containers only"),
        ("podwalk/store.py", "import podwalk.api", "Each layer imports only the layers below it"),
        ("podwalk/api/broken.py", "import podwalk.backends", "Each layer imports only the layers below it"),
        ("grader/broken.py", "import podwalk.network", "The grader knows the façade and nothing behind it"),
    ],
)
def test_a_forbidden_import_is_found(root: Path, tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copytree(root / "podwalk", tmp_path / "podwalk", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "grader").mkdir()
    (tmp_path / "grader" / "__init__.py").touch()
    broken = tmp_path / module
    broken.write_text(f"{line}\n{broken.read_text(encoding='utf-8') if broken.exists() else ''}", encoding="utf-8")
    linter = Path(sys.executable).with_name("lint-imports")
    finished = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 1, finished.stdout
    assert contract in " ".join(finished.stdout.partition("Broken contracts")[2].split())
