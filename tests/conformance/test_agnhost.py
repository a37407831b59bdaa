"""The image agnhost says that it is ready once one of its servers of datagrams runs."""

from __future__ import annotations

import pytest

from podwalk.facade import Cluster

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: server}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: c, image: "registry.k8s.io/e2e-test-images/agnhost:2.53", args: [netexec, "--udp-port={port}"]}}
"""


@pytest.mark.parametrize(("port", "status"), [(8081, "200"), (-1, "412")])
def test_netexec_is_ready_by_its_datagrams(cluster: Cluster, port: int, status: str) -> None:
    cluster.apply(POD.format(port=port))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    ask = f"curl -s -o /dev/null -w '%{{http_code}}' http://localhost:8080/healthz | grep {status}"
    assert cluster.exec("server", ask, until="succeeds").stdout.strip() == status
