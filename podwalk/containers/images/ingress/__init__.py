"""Ingress controllers as containers: they listen, decide by :mod:`podwalk.network.ingress`, and proxy.

Left out: the admission webhook, the configuration file (there is none to read in the container), leader election.
"""

from __future__ import annotations

from podwalk.containers.images.image import Image, executable
from podwalk.containers.images.ingress.nginx import nginx_ingress_controller
from podwalk.containers.images.ingress.traefik import traefik

IMAGES = [
    Image(
        name="registry.k8s.io/ingress-nginx/controller",
        tags=r"v1\.[0-9]+\.[0-9]+",
        programs={"nginx-ingress-controller": nginx_ingress_controller},
        entrypoint=["/nginx-ingress-controller"],
        files={
            "nginx-ingress-controller": executable("nginx-ingress-controller"),
            "var/run/secrets/kubernetes.io/serviceaccount/": "",
        },
        user=101,
        size=110_000_000,
    ),
    Image(
        name="docker.io/library/traefik",
        tags=r"latest|v?3(\.[0-9]+(\.[0-9]+)?)?",
        programs={"traefik": traefik},
        entrypoint=["/entrypoint.sh"],
        cmd=["traefik"],
        files={"entrypoint.sh": executable("traefik"), "var/run/secrets/kubernetes.io/serviceaccount/": ""},
        size=50_000_000,
    ),
]
