"""The classroom's configuration: a real JupyterHub loads it, starts on loopback, and gives each student their key."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader import seeds
from podwalk.facade.seeds import KEY_VARIABLE

pytest.importorskip("jupyterhub", reason="needs the extra hub")

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-this-test-only"

# What a machine without other accounts and without Node can do: no passwords, every server as this user, no proxy.
HERE = """
import sys
sys.path.insert(0, {here!r})
load_subconfig({config!r})
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.JupyterHub.proxy_class = "no_proxy.NoProxy"
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_port = {port}
c.JupyterHub.db_url = "sqlite:///{state}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{state}/cookie"
c.JupyterHub.services = [{{"name": "test", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{"name": "test", "scopes": ["admin:users", "admin:servers"], "services": ["test"]}}]
c.Spawner.default_url = ""
c.Spawner.args = ["--allow-root"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 180
"""
NO_PROXY = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    async def start(self): pass
    async def stop(self): pass
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {}
"""


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The folder of a course, and its secret."""
    monkeypatch.setenv("PODWALK_COURSE", str(tmp_path))
    return seeds.secret(tmp_path, make=True)


def test_every_setting_is_one_that_jupyterhub_knows(course: str) -> None:
    from jupyterhub.app import JupyterHub  # type: ignore[import-untyped,import-not-found,unused-ignore]  # optional, no types
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("jupyterhub_config.py", path=str(ROOT)).load_config()
    app = JupyterHub()
    known = {cls.__name__: cls for cls in app._classes_inc_parents()}
    for name, settings in config.items():
        assert name in known, name
        for setting in settings:
            assert setting in known[name].class_traits(config=True), f"{name}.{setting}"
    assert config.JupyterHub.bind_url.startswith("http://127.0.0.1:")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


@pytest.fixture
def hub(tmp_path: Path, course: str) -> Iterator[str]:
    """The address of a running hub's API."""
    port = _free_port()
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "no_proxy.py").write_text(NO_PROXY)
    words: dict[str, Any] = {"here": str(tmp_path), "config": str(ROOT / "jupyterhub_config.py"), "token": TOKEN}
    words |= {"homes": str(tmp_path / "homes" / "{username}"), "port": port, "state": state, "public": _free_port()}
    (tmp_path / "config.py").write_text(HERE.format(**words))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
    command = [sys.executable, "-m", "jupyterhub", "--config", str(tmp_path / "config.py")]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=state, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        while "JupyterHub is now running" not in (said := (tmp_path / "log").read_text()):
            assert process.poll() is None, said[-4000:]
        yield f"http://127.0.0.1:{port}/hub/api"
    finally:
        process.terminate()
        process.wait()


def _call(address: str, method: str = "GET") -> Any:
    request = urllib.request.Request(address, method=method, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=240) as answer:
        return json.loads(answer.read() or "null")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_student_who_logs_in_gets_a_server_with_a_key_of_their_own(hub: str, course: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{hub}/users", timeout=60)
    for student in ("ada", "bob"):
        _call(f"{hub}/users/{student}", "POST")
        _call(f"{hub}/users/{student}/server", "POST")
        server = _call(f"{hub}/users/{student}")
        while server["pending"]:
            server = _call(f"{hub}/users/{student}")
        pid = server["servers"][""]["state"]["pid"]
        environment = dict(
            entry.partition("=")[::2] for entry in Path(f"/proc/{pid}/environ").read_text().split("\0") if entry
        )
        assert environment[KEY_VARIABLE] == seeds.key(course, student)
        assert course not in environment.values()
        _call(f"{hub}/users/{student}/server", "DELETE")
