"""Where a served cluster lives on disk: one folder a cluster, readable by its owner alone."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from podwalk.errors import PodwalkError
from podwalk.serve.certificate import issue
from podwalk.types import ClusterOptions

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


NO_LOOPBACK = "none"
"""What is recorded for a cluster whose applications listen nowhere on this machine."""

ENDED = 0
"""The process id of a server that has ended in order."""


def home() -> Path:
    """Return the folder that holds every cluster: ``PODWALK_HOME``, or the user's state folder."""
    return Path(os.environ.get("PODWALK_HOME") or platformdirs.user_state_dir("podwalk", appauthor=False))


@dataclass(frozen=True)
class Server:
    """A running server, as it describes itself."""

    pid: int
    port: int
    started: str
    clock: str
    options: ClusterOptions

    @property
    def url(self) -> str:
        """Return the API's address."""
        return f"https://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Place:
    """The files of the cluster ``name``."""

    name: str
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """Return the cluster's own kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def database(self) -> Path:
        """Return the journal."""
        return self.folder / "state.sqlite"

    @property
    def log(self) -> Path:
        """Return what the server wrote."""
        return self.folder / "server.log"

    @property
    def lock(self) -> Path:
        """Return the file that two commands on one cluster take in turn."""
        return self.folder.with_suffix(".lock")

    @property
    def token(self) -> str:
        """Return the bearer token."""
        return (self.folder / "token").read_text().strip()

    @property
    def tls(self) -> tuple[Path, Path, Path]:
        """Return the authority's certificate, the server's certificate and its key."""
        return self.folder / "ca.crt", self.folder / "tls.crt", self.folder / "tls.key"

    @property
    def context(self) -> str:
        """Return the name of the context in the kubeconfig."""
        return f"podwalk-{self.name}" if self.name != "podwalk" else "podwalk"

    def prepare(self) -> None:
        """Make the folder, the certificates and the token, keeping those that are there."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not all(path.exists() for path in self.tls):
            pems = issue(
                ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"), ("127.0.0.1", "::1")
            )
            for path, pem in zip(self.tls, (pems.ca, pems.certificate, pems.key), strict=True):
                write_private(path, pem)
        if not (self.folder / "token").exists():
            write_private(self.folder / "token", secrets.token_urlsafe(32).encode())

    def read_loopback(self) -> str:
        """Return where the cluster's applications listened last: a block of loopback addresses, 127.0.0.1, or none."""
        try:
            return (self.folder / "loopback").read_text().strip()
        except OSError:
            return ""

    def write_loopback(self, text: str) -> None:
        """Record where they listen; the next server of the cluster takes the same."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.folder / "loopback", f"{text}\n".encode())

    def write_server(self, server: Server) -> None:
        """Record a server that is ready, in one step."""
        write_private(self.folder / "server.json", json.dumps(asdict(server)).encode())

    def read_server(self) -> Server | None:
        """Return the server that was recorded last, which may be dead."""
        try:
            data: dict[str, Any] = json.loads((self.folder / "server.json").read_text())
            known = {field.name for field in fields(ClusterOptions)}
            options = {key: value for key, value in data.pop("options").items() if key in known}
            options["node_port_range"] = tuple(options["node_port_range"])
            return Server(**data, options=ClusterOptions(**options))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget_server(self) -> None:
        """Remove the record of a server that has ended."""
        (self.folder / "server.json").unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def find(name: str) -> Place:
    """Return the place of a cluster, whether or not it exists.

    Raises:
        PodwalkError: when the name cannot be a cluster's.
    """
    if not NAME.fullmatch(name):
        raise PodwalkError(
            f"cluster name {name!r}: use lower-case letters, digits and '-', 32 at most, "
            "beginning and ending with a letter or digit"
        )
    return Place(name, home() / "clusters" / name)


def names() -> list[str]:
    """Return the names of the clusters that there are."""
    folder = home() / "clusters"
    return (
        sorted(path.name for path in folder.iterdir() if path.is_dir() and NAME.fullmatch(path.name))
        if folder.exists()
        else []
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises:
        PodwalkError: when the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PodwalkError(
            f"{path} cannot be written: {error.strerror}; free some space, or set PODWALK_HOME to another folder"
        ) from error


def make_kubeconfig(place: Place, server: Server) -> dict[str, Any]:
    """Return a kubeconfig whose only context is this cluster."""
    import base64

    ca = base64.b64encode(place.tls[0].read_bytes()).decode()
    context = place.context
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"server": server.url, "certificate-authority-data": ca}}],
        "users": [{"name": context, "user": {"token": place.token}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
        "preferences": {},
    }


def write_kubeconfig(path: Path, config: dict[str, Any]) -> None:
    """Write a kubeconfig with mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def merge_kubeconfig(path: Path, config: dict[str, Any]) -> None:
    """Add a cluster to a kubeconfig that may hold others, and make it the current context.

    Raises:
        PodwalkError: when the file is not a kubeconfig; it is left as it is.
    """
    merged = _read_kubeconfig(path)
    for part in ("clusters", "users", "contexts"):
        fresh = {entry["name"]: entry for entry in config[part]}
        merged[part] = [entry for entry in merged.get(part) or [] if entry.get("name") not in fresh] + list(
            fresh.values()
        )
    merged["current-context"] = config["current-context"]
    write_kubeconfig(path, merged)


def unmerge_kubeconfig(path: Path, context: str) -> bool:
    """Take a cluster out of a kubeconfig; returns whether it was there."""
    if not path.exists():
        return False
    config = _read_kubeconfig(path)
    if not any(entry.get("name") == context for entry in config.get("contexts") or []):
        return False
    for part in ("clusters", "users", "contexts"):
        config[part] = [entry for entry in config.get(part) or [] if entry.get("name") != context]
    if config.get("current-context") == context:
        config["current-context"] = ""
    write_kubeconfig(path, config)
    return True


def _read_kubeconfig(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text()) if path.exists() else None
    except (OSError, yaml.YAMLError) as error:
        raise PodwalkError(f"{path} cannot be read as a kubeconfig ({error}); it was left as it is") from error
    config = config or {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    kind = config.get("kind", "Config") if isinstance(config, dict) else type(config).__name__
    if kind != "Config":
        raise PodwalkError(f"{path} is not a kubeconfig (kind: {kind}); it was left as it is")
    return config
