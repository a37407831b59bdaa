"""The image agnhost, with which Kubernetes tests itself: when it is ready, and what it tells of itself."""

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


def test_netexec_tells_its_variables(cluster: Cluster) -> None:
    cluster.apply(POD.format(port=8081).replace("- {name: c,", "- {name: c, env: [{name: FOO, value: bar}],"))
    cluster.wait("pod/server", "condition=Ready", timeout_s=120)
    cluster.exec("server", "curl -s http://localhost:8080/", until="succeeds")

    def ask(query: str) -> str:
        return cluster.exec("server", f"curl -s -w ' %{{http_code}}' 'http://localhost:8080/envvar{query}'").stdout

    assert ask("?var=FOO") == "bar 200"
    assert ask("?var=NOPE") == 'env var "NOPE" is not set\n 500'
    assert ask("") == "'var' query parameter is required\n 400"
    assert cluster.exec("server", "wget -q -O - 'http://localhost:8080/envvar?var=FOO'").stdout == "bar"
