"""The Python environment that the course runs in: made from the lock, repaired when half made, else left alone."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

from scripts import progress
from scripts.failure import CourseError, disk_full

NEEDED_MB = 1500
NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|Temporary failure in name resolution|getaddrinfo failed"
    r"|ProxyError|Connection refused|Network is unreachable|ConnectionResetError|Read timed out|RemoteDisconnected"
)
NO_SPACE = re.compile(r"No space left on device|\[Errno 28\]|Disk quota exceeded|WinError 112")
NO_FILE = re.compile(r"No matching distribution found for (\S+)")
BAD_HASH = re.compile(r"DO NOT MATCH THE HASHES|Hash mismatch", re.IGNORECASE)
BUSY = re.compile(r"(?:Collecting|Downloading|Building|Using cached) (\S+)|(Installing collected packages)")


@dataclass(frozen=True)
class Environment:
    """Where the course's Python is, and whether the course made it."""

    root: Path
    prefix: Path
    python: Path
    owned: bool

    @property
    def stamp(self) -> Path:
        """The file that says what was installed, written when all of it was."""
        return self.prefix / "podwalk-installed"

    @property
    def unfinished(self) -> Path:
        """The file that is there while packages are being installed."""
        return self.prefix / "podwalk-installing"

    @property
    def log(self) -> Path:
        """Where pip's output goes."""
        return self.root / ".course" / "install.log"

    def variables(self) -> dict[str, str]:
        """Return the environment variables for a process of the course."""
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
        path = os.pathsep.join([str(self.python.parent), kept.get("PATH", "")])
        return kept | {"PATH": path, "VIRTUAL_ENV": str(self.prefix), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def locate(root: Path) -> Environment:
    """Find the environment of a clone: conda's when the one of environment.yml is active, else `.venv`."""
    if os.environ.get("CONDA_DEFAULT_ENV") == "podwalk":
        return Environment(root, Path(sys.prefix), Path(sys.executable), owned=False)
    prefix = root / ".venv"
    python = prefix / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return Environment(root, prefix, python, owned=True)


def fingerprint(environment: Environment) -> str:
    """Hash what an installation depends on: the lock, the project's own table, and where the clone is."""
    project = tomllib.loads((environment.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = (
        (environment.root / "requirements.lock").read_text(encoding="utf-8"),
        json.dumps(project, sort_keys=True),
        str(environment.root),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_complete(environment: Environment) -> bool:
    """Say whether the environment is the one that the lock describes; reads one file, touches no network."""
    if not (environment.stamp.is_file() and environment.python.exists()):
        return False
    return environment.stamp.read_text(encoding="ascii").strip() == fingerprint(environment)


def ensure(environment: Environment) -> None:
    """Make or repair the environment unless it is complete.

    Raises:
        CourseError: there is no room, no network, or no file for this platform.
    """
    if is_complete(environment):
        return
    if environment.owned:
        _check_room(environment)
        if environment.unfinished.exists() or not _works(environment):
            _create(environment)
    environment.stamp.unlink(missing_ok=True)
    environment.unfinished.touch()
    if environment.owned:
        _pip(
            environment,
            "Installing packages",
            ["--require-hashes", "--only-binary", ":all:", "-r", "requirements.lock"],
        )
    _pip(environment, "Installing the course", ["--no-deps", "--no-build-isolation", "--editable", "."])
    environment.stamp.write_text(fingerprint(environment), encoding="ascii")
    environment.unfinished.unlink()


def _check_room(environment: Environment) -> None:
    """Refuse to begin what the disk cannot hold."""
    if shutil.disk_usage(environment.root).free < NEEDED_MB * 1_000_000 and not environment.python.exists():
        error = disk_full(environment.root)
        raise CourseError(f"{error}; the course needs {NEEDED_MB} MB")


def _works(environment: Environment) -> bool:
    """Say whether the environment's Python runs and has pip."""
    if not environment.python.exists():
        return False
    try:
        return (
            subprocess.run([environment.python, "-c", "import pip"], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def _create(environment: Environment) -> None:
    """Make an empty environment, over whatever is there."""
    line = progress.Line("Creating .venv")
    try:
        if environment.prefix.exists():
            shutil.rmtree(environment.prefix)
        venv.create(environment.prefix, with_pip=True)
    except subprocess.CalledProcessError as error:
        raise CourseError(
            "this Python cannot make an environment with pip in it: "
            "install its venv module (Debian, Ubuntu: sudo apt install python3-venv) and run the same command again"
        ) from error
    line.end("done")


def _pip(environment: Environment, label: str, arguments: list[str]) -> None:
    """Install with the environment's own pip and turn its failures into one line."""
    command = [str(environment.python), "-m", "pip", "install", "--no-input", "--progress-bar", "off", "--retries", "3"]
    command += ["--disable-pip-version-check", *arguments]
    outcome = progress.run(
        label, command, cwd=environment.root, env=environment.variables(), log=environment.log, detail=_package
    )
    if outcome.code != 0:
        raise explain("\n".join(outcome.lines), environment)


def _package(line: str) -> str | None:
    """Read from a line of pip's output which package it is busy with."""
    found = BUSY.search(line)
    return (found[1] or "unpacking").rsplit("/", 1)[-1] if found else None


def explain(output: str, environment: Environment) -> CourseError:
    """Say in one line why pip failed and what to do.

    pip has one exit code for everything, so its words must be read.
    """
    log = environment.log.relative_to(environment.root)
    if NO_SPACE.search(output):
        return disk_full(environment.root)
    if NO_NETWORK.search(output):
        return CourseError(
            "the packages could not be downloaded: check the network (or pip's proxy and index settings) "
            f"and run the same command again; pip's own words are in {log}"
        )
    if BAD_HASH.search(output):
        return CourseError(
            "a downloaded package is not the one in requirements.lock: "
            f"clear pip's cache (pip cache purge) and try again; see {log}"
        )
    if missing := NO_FILE.search(output):
        return CourseError(
            f"there is no ready-made {missing[1]} for this Python and system: "
            f"try another Python from 3.11 on, or conda with environment.yml; see {log}"
        )
    return CourseError(f"pip could not install the packages: read {log}, then run the same command again")
