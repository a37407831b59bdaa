"""A clone in small: the real course.py on a lock of one package, installed in seconds and without a network."""

import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1.0"
"""
BACKEND = """
import pathlib, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("small.pth", str(pathlib.Path(__file__).parent))
        wheel.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n")
        tags = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("small-1.0.dist-info/WHEEL", tags)
        wheel.writestr("small-1.0.dist-info/RECORD", "")
    return name
"""


def write_wheel(folder: Path) -> str:
    """Write the wheel of the package `tiny` and return its hash."""
    files = {
        "tiny.py": "ANSWER = 42\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(text)}")
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr("tiny-1.0.dist-info/RECORD", "\n".join([*lines, "tiny-1.0.dist-info/RECORD,,\n"]))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Clone:
    """A folder with the course's tooling in it, and how pip finds packages there."""

    folder: Path
    wheels: Path
    pip: dict[str, str] = field(default_factory=dict)

    def variables(self, **pip: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "CONDA_", "VIRTUAL_ENV"))}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        return kept | (pip or offline)

    def command(self, *arguments: str) -> Sequence[str]:
        return [sys.executable, "course.py", *arguments]

    def run(self, *arguments: str, **pip: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables(**pip),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self, *arguments: str, **pip: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables(**pip),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def has_tiny(self) -> bool:
        python = self.folder / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        probe = [str(python), "-c", "import tiny; assert tiny.ANSWER == 42"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.fixture
def clone(tmp_path: Path, root: Path) -> Clone:
    """A clone in which nothing is installed yet."""
    folder, wheels = tmp_path / "clone", tmp_path / "wheels"
    wheels.mkdir()
    shutil.copytree(root / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "course.py", folder)
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    lock = f"tiny==1.0 \\\n    --hash=sha256:{write_wheel(wheels)}\n"
    (folder / "requirements.lock").write_text(lock, encoding="utf-8")
    return Clone(folder, wheels)


@dataclass(frozen=True)
class SilentIndex:
    """A package index that accepts a connection and never answers."""

    listener: socket.socket

    @property
    def pip(self) -> dict[str, str]:
        """How to make pip ask it."""
        address = f"http://127.0.0.1:{self.listener.getsockname()[1]}/simple"
        return {
            "PIP_INDEX_URL": address,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_DEFAULT_TIMEOUT": "300",
        }

    def wait_for_a_question(self) -> socket.socket:
        """Return when pip has connected, which is in the middle of the installation."""
        return self.listener.accept()[0]


@pytest.fixture
def silent_index() -> Iterator[SilentIndex]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield SilentIndex(listener)


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def kill_group(process: subprocess.Popen[str]) -> None:
    """End a started clone and what it started, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
