"""An image's own entrypoint runs as the image's own user."""

from __future__ import annotations

from podwalk.facade import Cluster

CURL = """
apiVersion: v1
kind: Pod
metadata: {name: curl}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - name: curl
    image: curlimages/curl:8.10.1
    args: [--version]
"""


def test_the_curl_image_takes_arguments(cluster: Cluster) -> None:
    cluster.apply(CURL)
    cluster.wait("pod/curl", "jsonpath={.status.phase}=Succeeded")
    assert cluster.logs("curl").startswith("curl ")


SILENT = """
apiVersion: v1
kind: Pod
metadata: {name: silent}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - {name: silent, image: "busybox:1.36", command: ["true"]}
"""


def test_a_process_that_says_nothing_has_an_empty_log(cluster: Cluster) -> None:
    cluster.apply(SILENT)
    cluster.wait("pod/silent", "jsonpath={.status.phase}=Succeeded")
    assert cluster.logs("silent") == ""
