"""The embedded cluster as a server in the background: the kernel, a terminal's kubectl and a browser share it."""

from __future__ import annotations

from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from podwalk.serve import control
from podwalk.serve.place import find

DEFAULT_NAME = "podwalk"


class EmbeddedBackend:
    """The embedded cluster of a name; it is started when it is first asked for."""

    name = "embedded"

    def __init__(self, cluster: str = "") -> None:
        self.cluster = cluster or DEFAULT_NAME
        self._place = find(self.cluster)

    def describe(self) -> str:
        """Name the cluster and its kubeconfig."""
        return f'embedded cluster "{self.cluster}" (KUBECONFIG={self._place.kubeconfig})'

    def kubectl(self) -> tuple[str, ...]:
        """Return the options that make kubectl reach the same cluster."""
        return ("--kubeconfig", str(self._place.kubeconfig))

    def is_up(self) -> bool:
        """Whether its server answers."""
        return control.alive(self._place) is not None

    def connect(self) -> ApiClient:
        """Start the cluster if it is down, and return a client of it.

        Raises:
            PodwalkError: when it does not start.
        """
        control.start(self._place)
        configuration = Configuration()
        config.load_kube_config(str(self._place.kubeconfig), client_configuration=configuration)
        # A proxy of the environment has no business with loopback.
        configuration.proxy = None
        return ApiClient(configuration)
