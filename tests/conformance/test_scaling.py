"""Load on a Service's Pods shows in their metrics, and an autoscaler answers it."""

from __future__ import annotations

import pytest

from podwalk.facade import Cluster
from podwalk.facade.kubectl import run

SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: till}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: registry.k8s.io/e2e-test-images/agnhost:2.53
        args: [netexec, --http-port=8080]
        resources: {requests: {cpu: 50m}}
---
apiVersion: v1
kind: Service
metadata: {name: till}
spec: {selector: {app: till}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: till}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: till}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: crowd}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: shell, image: "busybox:1.36", command: [sleep, infinity]}
"""
WORK = "http://till/shell?cmd=head+-c+3000000+/dev/zero+|+md5sum"


@pytest.mark.slow
def test_load_makes_an_autoscaler_add_pods(cluster: Cluster) -> None:
    cluster.addon("metrics-server")
    cluster.apply(SHOP)
    cluster.wait("deployment/till", "condition=Available")
    cluster.wait("pod/crowd", "condition=Ready")
    cluster.exec("crowd", f"wget -qO- -T 2 '{WORK}'", until="succeeds")
    busy = f"end=$(($(date +%s)+75)); while [ $(date +%s) -lt $end ]; do wget -qO- -T 3 '{WORK}' >/dev/null; done"
    cluster.exec("crowd", busy, timeout_s=120)
    cluster.wait("deployment/till", "jsonpath={.status.readyReplicas}=3", timeout_s=90)
    shown = run(cluster, "kubectl top pods -l app=till")
    assert shown.header == ("NAME", "CPU(cores)", "MEMORY(bytes)")
    assert shown.rows, "the Pods have numbers"
    assert all(name.startswith("till-") and cores.endswith("m") for name, cores, _ in shown.rows)
