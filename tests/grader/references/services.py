"""Reference answers of the assignment `services`."""

from __future__ import annotations

from collections.abc import Mapping

from grader import sample
from tests.grader.references import Edit, Mistake, Reference, Way

WAYS: Mapping[str, Way] = {
    "names instead of numbers, the official client, no ports at all": {
        "backend-answer": (
            Edit(
                "    matchLabels:\n      app: backend\n  template",
                "    matchExpressions:\n    - {key: app, operator: Exists}\n  template",
            ),
            Edit(
                "        args:\n        - -listen=:8080",
                "        command: [/http-echo]\n        args:\n        - -listen=:8080",
            ),
        ),
        **sample.OTHER_WAY,
    },
    "scaled up later, more ports than asked for, a slice by hand": {
        "backend-answer": """
from kubernetes import client

container = client.V1Container(
    name="server", image="hashicorp/http-echo:1.0", args=["-listen=0.0.0.0:8080", "-text=$(WHO)"],
    env=[client.V1EnvVar(name="WHO", value_from=client.V1EnvVarSource(
        field_ref=client.V1ObjectFieldSelector(field_path="metadata.name")))],
    readiness_probe=client.V1Probe(tcp_socket=client.V1TCPSocketAction(port=8080)),
)
labels = {"app": "backend", "tier": "two"}
template = client.V1PodTemplateSpec(
    metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container]))
spec = client.V1DeploymentSpec(
    replicas=1, selector=client.V1LabelSelector(match_labels={"tier": "two"}), template=template)
apps = client.AppsV1Api(cluster.api)
apps.create_namespaced_deployment(
    "shop", client.V1Deployment(metadata=client.V1ObjectMeta(name="backend"), spec=spec))
apps.patch_namespaced_deployment_scale("backend", "shop", {"spec": {"replicas": 3}})
cluster.wait("deployment/backend", "jsonpath={.status.readyReplicas}=3", namespace="shop")
""",
        "service-answer": Edit(
            "  - port: 80\n    targetPort: 8080",
            "  - name: web\n    port: 80\n    targetPort: 8080\n  - name: more\n    port: 8080\n",
        ),
        "affinity-answer": Edit(
            "  sessionAffinity: ClientIP\n",
            "  type: LoadBalancer\n  sessionAffinity: ClientIP\n"
            "  sessionAffinityConfig: {clientIP: {timeoutSeconds: 600}}\n",
        ),
        "headless-answer": """
cluster.wait("deployment/backend", "condition=Available", namespace="shop")
pods = cluster.get("pods", namespace="shop", selector="app=backend")
cluster.apply([
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "backend-pods", "namespace": "shop"},
     "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 8080}]}},
    {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
     "metadata": {"name": "backend-pods-1", "namespace": "shop",
                  "labels": {"kubernetes.io/service-name": "backend-pods"}},
     "ports": [{"name": "http", "port": 8080}],
     "endpoints": [{"addresses": [pod["status"]["podIP"]]} for pod in pods]},
])
""",
    },
}

FULL = {"backend": 3.0, "service": 4.0, "affinity": 3.0, "headless": 3.0}

MISTAKES: Mapping[str, Mistake] = {
    "two Pods instead of three": ("backend-answer", "replicas: 3", "replicas: 2", {"backend": 2.0, "service": 3.67}),
    "the Pods do not say who they are": (
        "backend-answer",
        "-text=$(POD_NAME)",
        "-text=hello",
        {"backend": 1.0, "service": 1.33 + 1, "affinity": 3.0},
    ),
    "targetPort is the Service's own port": ("service-answer", "targetPort: 8080", "targetPort: 80", {"service": 2.0}),
    "the selector is misspelt": ("service-answer", "app: backend", "app: backnd", {"service": 1.0}),
    "another port": ("service-answer", "port: 80\n", "port: 8080\n", {"service": 2.0}),
    "no affinity": ("affinity-answer", "  sessionAffinity: ClientIP\n", "", {"affinity": 1.0}),
    "an address of its own after all": ("headless-answer", "  clusterIP: None\n", "", {"headless": 1.0}),
    "no address of its own": ("service-answer", "spec:\n", "spec:\n  clusterIP: None\n", {"service": 1.0}),
    "the cart's selector is misspelt": ("affinity-answer", "app: backend", "app: backnd", {"affinity": 0.0}),
    "another name": ("headless-answer", "name: backend-pods", "name: backend-pod", {"headless": 0.0}),
}

REFERENCE = Reference(FULL, WAYS, MISTAKES)
