"""One embedded cluster, whole: the parts of ARCHITECTURE put together.

Like them it knows no sockets, threads, wall time or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from podwalk import controllers
from podwalk.api import usage
from podwalk.api.server import Api
from podwalk.controllers import metrics
from podwalk.kubelet import Kubelets
from podwalk.simulation import EPOCH, Simulation
from podwalk.store import Store
from podwalk.types import Change, ClusterOptions, Object, Request, Response, Session

COME_UP_S = 30.0
"""How old a cluster is when its owner gets it: CoreDNS answers, as after ``kind create cluster --wait``."""


class Cluster:
    """A Kubernetes cluster in memory: requests in, responses out, on a clock that its owner moves.

    A write is answered when nothing more is due at the present moment. What takes simulated time (a container's start,
    a probe) happens
    when the owner moves ``simulation`` on.
    """

    def __init__(
        self,
        options: ClusterOptions | None = None,
        *,
        epoch: datetime = EPOCH,
        restored: tuple[Iterable[tuple[str, Object]], int] | None = None,
        on_change: Callable[[Change], None] | None = None,
    ) -> None:
        """Start the cluster, empty but for its own objects, or with the objects and the revision of a journal.

        ``on_change`` is told of every write from the first on. The clock then stands :data:`COME_UP_S` after ``epoch``.
        """
        self.options = options or ClusterOptions()
        self.simulation = Simulation(seed=self.options.seed, epoch=epoch)
        self.store = Store()
        if on_change is not None:
            self.store.subscribe(on_change)
        if restored is not None:
            self.store.restore(*restored)
        self.api = Api(self.store, self.simulation, self.options)
        self.kubelets = Kubelets(self.api.objects, self.simulation, self.options)
        self.api.runtime = self.kubelets
        self.kubelets.serve_api(self.api.handle)
        load = metrics.Load(self.simulation)
        self.kubelets.fabric.on_request = load.record
        self.api.objects.subscribe(load.follow)
        self.api.measures = metrics.measures(self.api.objects, self.simulation, load.usage)
        controllers.start(
            self.api.objects,
            self.simulation,
            self.options,
            usage=load.usage,
            metrics_served=lambda: usage.is_served(self.api.objects),
        )
        controllers.bootstrap(self.api.objects, self.simulation, self.options)
        self.simulation.advance(COME_UP_S)

    def handle(self, request: Request) -> Response:
        """Answer a request, after everything that it made due at once."""
        response = self.api.handle(request)
        self.simulation.settle()
        return response

    def connect(self, request: Request) -> Session:
        """Open an exec, attach or port-forward conversation.

        Raises:
            ApiError: when the API refuses it.
        """
        session = self.api.connect(request)
        self.simulation.settle()
        return session
