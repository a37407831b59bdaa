"""The real cluster, where there is one: what it answers is what the embedded cluster must answer."""

from __future__ import annotations

import json
import os
import shlex
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml


@dataclass(frozen=True)
class Rig:
    """A real API server, spoken to without any client library that could hide what it says."""

    server: str
    context: ssl.SSLContext

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        accept: str = "application/json",
        content: str = "application/json",
    ) -> tuple[int, Any, list[str]]:
        """Return the code, the parsed body and the Warning headers' texts."""
        headers = {"Accept": accept, "Content-Type": content}
        request = urllib.request.Request(self.server + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as response:
                return response.status, json.load(response), _warnings(response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error), _warnings(error.headers)

    def until(self, method: str, path: str, body: bytes | None, codes: tuple[int, ...]) -> Any:
        """Ask until the answer is one of the codes; what is being deleted may be in the way for a while."""
        deadline = time.monotonic() + 60
        code, answer, _ = self.request(method, path, body)
        while code not in codes and time.monotonic() < deadline:
            code, answer, _ = self.request(method, path, body)
        assert code in codes, answer
        return answer

    def get(self, path: str, accept: str = "application/json") -> Any:
        """Return the parsed body of a GET."""
        return self.request("GET", path, accept=accept)[1]


def _warnings(headers: Any) -> list[str]:
    texts = headers.get_all("Warning") or []
    return [json.loads(text.split(" ", 2)[2]) for text in texts]


@pytest.fixture(scope="session")
def rig(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    path = os.environ.get("PODWALK_RIG_KUBECONFIG", "") or _neighbour(root.parent / "shared" / "rig" / "env")
    if not path or not Path(path).exists():
        pytest.skip("no real cluster: set PODWALK_RIG_KUBECONFIG to a kubeconfig of one")
    config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    folder = tmp_path_factory.mktemp("rig")
    certificate, key = folder / "client.crt", folder / "client.key"
    certificate.write_bytes(b64decode(user["client-certificate-data"]))
    key.write_bytes(b64decode(user["client-key-data"]))
    context = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    context.load_cert_chain(certificate, key)
    return Rig(cluster["server"], context)


def _neighbour(script: Path) -> str:
    """Return the kubeconfig of the real cluster that is kept beside the clone, if one is."""
    if not script.exists():
        return ""
    exports = subprocess.run([script], capture_output=True, text=True, check=True).stdout
    return next((word.split("=", 1)[1] for word in shlex.split(exports) if word.startswith("KUBECONFIG=")), "")
