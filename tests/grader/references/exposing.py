"""Reference answers of the assignment `exposing`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Edit, Mistake, Reference, Way

PROBE = (
    "httpGet:\n            path: /open\n            port: 80\n          periodSeconds: 3\n          failureThreshold: 1"
)
WAYS: Mapping[str, Way] = {
    # The Service has a selector that fits nobody, and the slice is by hand all the same.
    "numbers instead of names, more than was asked for, a command as the probe": {
        "doors-answer": Edit(
            "targetPort: http", "targetPort: 8080\n  - name: more\n    port: 81\n    targetPort: http"
        ),
        "outside-answer": Edit("type: LoadBalancer", "type: LoadBalancer\n  sessionAffinity: ClientIP"),
        "elsewhere-answer": Edit(
            "metadata:\n  name: catalogue\n  namespace: shop\nspec:\n",
            "metadata:\n  name: catalogue\n  namespace: shop\nspec:\n  selector:\n    app: none-yet\n",
        ),
        "ready-answer": Edit(
            "httpGet:\n            path: /open\n            port: 80",
            "exec:\n            command: [sh, -c, curl -fs localhost/open]",
        ),
    },
    "a NodePort, a class of its own, ports without names, three probes": {
        "doors-answer": Edit("  selector:\n    app: backend\n", "  type: NodePort\n  selector:\n    app: backend\n"),
        "outside-answer": (
            Edit("  type: LoadBalancer\n", "  type: LoadBalancer\n  loadBalancerClass: example.com/cloud\n"),
            Edit("targetPort: 8080", "targetPort: http"),
        ),
        "elsewhere-answer": (
            Edit("  - name: http\n    port: 8000", "  - port: 8000"),
            Edit("- name: http\n  protocol: TCP\n", '- name: ""\n  protocol: TCP\n'),
            Edit('- addresses: ["{address}"]', '- addresses: ["{address}"]\n  conditions: {{ready: true}}'),
        ),
        "ready-answer": Edit(
            PROBE,
            "httpGet:\n            path: /open\n            port: http\n          periodSeconds: 2\n"
            "          failureThreshold: 2\n"
            "        livenessProbe: {httpGet: {path: /, port: http}}\n"
            "        startupProbe: {tcpSocket: {port: http}, periodSeconds: 1}\n"
            "        ports: [{name: http, containerPort: 80}]",
        ),
    },
}

FULL = {"doors": 3.0, "outside": 4.0, "elsewhere": 3.0, "ready": 4.0}

MISTAKES: Mapping[str, Mistake] = {
    "the ports are crossed": ("doors-answer", "targetPort: http", "targetPort: 9090", {"doors": 2.0}),
    "the second port leads to itself": ("doors-answer", "targetPort: 9090", "targetPort: 9000", {"doors": 2.0}),
    "the selector fits nobody": ("doors-answer", "app: backend", "app: backends", {"doors": 0.0}),
    "a NodePort, and no request for more": ("outside-answer", "type: LoadBalancer", "type: NodePort", {"outside": 3.0}),
    "whatever node port comes": ("outside-answer", "    nodePort: 30123\n", "", {"outside": 2.0}),
    "the slice belongs to nobody": (
        "elsewhere-answer",
        "service-name: catalogue",
        "service-name: catalog",
        {"elsewhere": 1.0},
    ),
    "the port's name differs": (
        "elsewhere-answer",
        "- name: http\n  protocol",
        "- name: web\n  protocol",
        {"elsewhere": 1.0},
    ),
    "the Service's port in the slice": ("elsewhere-answer", "port: 8080", "port: 8000", {"elsewhere": 1.0}),
    "no probe": (
        "ready-answer",
        """        readinessProbe:
          httpGet:
            path: /open
            port: 80
          periodSeconds: 3
          failureThreshold: 1
""",
        "",
        {"ready": 1.0},
    ),
    "a probe of another page": ("ready-answer", "path: /open", "path: /", {"ready": 1.0}),
    "it is never asked again": ("ready-answer", "readinessProbe", "startupProbe", {"ready": 2.0}),
    "a port where nobody listens": ("outside-answer", "targetPort: 8080", "targetPort: 80", {"outside": 1.0}),
    "a misspelt Service": (
        "elsewhere-answer",
        "name: catalogue\n  namespace: shop\nspec",
        "name: catalog\n  namespace: shop\nspec",
        {"elsewhere": 0.0},
    ),
    "one Pod too many": ("ready-answer", "replicas: 2", "replicas: 3", {"ready": 3.0}),
}

REFERENCE = Reference(FULL, WAYS, MISTAKES)
