"""Any cluster that a kubeconfig names: a shared class cluster, a cloud's, one's own."""

from __future__ import annotations

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration, VersionApi
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from podwalk.errors import PodwalkError

ANSWER_TIMEOUT_S = 5.0
"""How long a cluster may take to tell its version before it counts as down."""


class UnreachableError(PodwalkError):
    """A cluster that should be there does not answer."""


class ContextBackend:
    """A context of the kubeconfig; the current one by default."""

    name = "context"
    remedy = "check KUBECONFIG and `kubectl config get-contexts`, or use podwalk.cluster('embedded')"

    def __init__(self, context: str = "") -> None:
        self.context = context
        self._version = ""

    def describe(self) -> str:
        """Name the context and the server's version."""
        return f'context "{self.context or "current"}", Kubernetes {self._version}'

    def kubectl(self) -> tuple[str, ...]:
        """Return the options that make kubectl reach the same cluster."""
        return ("--context", self.context) if self.context else ()

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
        """
        configuration = Configuration()
        try:
            config.load_kube_config(context=self.context or None, client_configuration=configuration)
        except (ConfigException, OSError) as error:
            raise UnreachableError(f"{self._subject()}: {error}; {self.remedy}") from error
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

    def _subject(self) -> str:
        return f'context "{self.context}"' if self.context else "the kubeconfig's current context"
