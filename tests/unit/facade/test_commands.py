"""Running commands in Pods through the façade."""

from __future__ import annotations

import podwalk
from podwalk.facade import Cluster, wire

PODS = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: whoami, image: "traefik/whoami:v1.11"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: nobody}
spec:
  securityContext: {runAsUser: 1000}
  containers: [{name: shell, image: "busybox:1.36", command: [sleep, infinity]}]
"""


def _cluster() -> Cluster:
    made = podwalk.cluster("in-process", quiet=True)
    made.apply(PODS)
    for name in ("web", "nobody"):
        made.wait(f"pod/{name}", "condition=Ready")
    return made


def test_a_command_runs_in_an_ephemeral_container_beside_one_without_a_shell() -> None:
    cluster = _cluster()
    beside = {"name": "beside", "image": "busybox:1.36", "command": ["sleep", "infinity"]}
    wire.call(
        cluster.api,
        "PATCH",
        "/api/v1/namespaces/default/pods/web/ephemeralcontainers",
        body={"spec": {"ephemeralContainers": [beside]}},
        content_type="application/strategic-merge-patch+json",
    )
    cluster.wait("pod/web", "jsonpath={.status.ephemeralContainerStatuses[0].state.running}")
    assert "Hostname: web" in cluster.exec("web", "wget -qO- http://localhost/", container="beside").stdout


def test_anybody_may_write_to_tmp_as_in_a_real_image() -> None:
    done = _cluster().exec("nobody", "echo kept > /tmp/note && cat /tmp/note && ls -ld /tmp")
    assert done.stdout.startswith("kept\ndrwxrwxrwt")
