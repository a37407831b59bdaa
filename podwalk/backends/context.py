"""Any cluster that a kubeconfig names: a shared class cluster, a cloud's, one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration, VersionApi
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

from podwalk.backends import production
from podwalk.errors import PodwalkError

ANSWER_TIMEOUT_S = 5.0
"""How long a cluster may take to tell its version before it counts as down."""


class UnreachableError(PodwalkError):
    """A cluster that should be there does not answer."""


class ContextBackend:
    """A context of the kubeconfig; the current one by default."""

    name = "context"
    remedy = "check KUBECONFIG and `kubectl config get-contexts`, or use podwalk.cluster('embedded')"

    def __init__(self, context: str = "", kubeconfig: Path | None = None) -> None:
        self.context = context
        self._kubeconfig = kubeconfig
        self._found = self._version = ""

    def describe(self) -> str:
        """Name the context and the server's version."""
        return f'context "{self._found or self.context}", Kubernetes {self._version}'

    def kubectl(self) -> tuple[str, ...]:
        """Return the options that make kubectl reach the same cluster."""
        file = ("--kubeconfig", str(self._kubeconfig)) if self._kubeconfig else ()
        return (*file, "--context", self.context) if self.context else file

    def is_ours(self) -> bool:
        """Whether the course made this cluster."""
        return False

    def is_up(self) -> bool:
        """Whether the context exists and its cluster answers."""
        try:
            self.connect()
        except UnreachableError:
            return False
        return True

    def connect(self) -> ApiClient:
        """Load the context and ask the server for its version.

        Raises:
            UnreachableError: when there is no such context or its server does not answer.
            ProductionError: when it looks like production, and its use was not confirmed.
        """
        configuration = Configuration()
        # The client reads KUBECONFIG when it is imported; a notebook may set it later.
        file = str(self._kubeconfig or os.environ.get("KUBECONFIG") or "") or None
        try:
            found = self._find(file)
            config.load_kube_config(file, context=self.context or None, client_configuration=configuration)
        except (ConfigException, OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise UnreachableError(f"{self._subject()}: {_in_words(error)}; {self.remedy}") from error
        host = urlsplit(configuration.host).hostname or ""
        self._found = found["name"]
        if not self.is_ours():
            production.check(found["name"], (found["name"], found["context"].get("cluster", ""), host))
        configuration.retries = False
        client = ApiClient(configuration)
        try:
            self._version = VersionApi(client).get_code(_request_timeout=ANSWER_TIMEOUT_S).git_version
        except (urllib3.exceptions.HTTPError, ApiException) as error:
            client.close()
            reason = f"HTTP {error.status}" if isinstance(error, ApiException) else type(error).__name__
            raise UnreachableError(
                f"{self._subject()} does not answer at {configuration.host} ({reason}); {self.remedy}"
            ) from error
        return client

    def _find(self, file: str | None) -> dict[str, Any]:
        # The client's own list of contexts asks for a current one, even when another is named.
        merged = KubeConfigMerger(file or KUBE_CONFIG_DEFAULT_LOCATION).config
        if merged is None:
            raise ConfigException("there is no kubeconfig")
        contexts = {entry["name"]: entry.value for entry in merged.value.get("contexts") or ()}
        found: dict[str, Any] | None = contexts.get(self.context or merged.value.get("current-context"))
        if found is None:
            there = ", ".join(contexts) or "none"
            raise ConfigException(f"there is no such context; there are: {there}")
        return found

    def _subject(self) -> str:
        return f'context "{self.context}"' if self.context else "the kubeconfig's current context"


def _in_words(error: Exception) -> str:
    if isinstance(error, yaml.YAMLError):
        return f"the kubeconfig is not YAML ({' '.join(str(error).split())})"
    if isinstance(error, KeyError | TypeError | AttributeError):
        return f"the kubeconfig does not have the form of one ({error})"
    return str(error) or type(error).__name__
