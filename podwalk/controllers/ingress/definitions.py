"""The definitions of Gateway API: GatewayClass, Gateway, HTTPRoute and ReferenceGrant, so that no download is needed.

**Source**: kubernetes-sigs/gateway-api v1.6.1, standard channel, under the Apache License 2.0; without descriptions,
and of each kind only the version v1.
"""

from __future__ import annotations

import json
from importlib import resources

from podwalk.types import Object

FILE = "gateway-api.json"
GATEWAY_CLASS: Object = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GatewayClass",
    "metadata": {"name": "traefik"},
    "spec": {"controllerName": "traefik.io/gateway-controller"},
}
"""The class of the Gateways that Traefik serves."""


def definitions() -> list[Object]:
    """Return the CustomResourceDefinitions, in the order in which they can be applied."""
    text = resources.files("podwalk.controllers.ingress").joinpath(FILE).read_text(encoding="utf-8")
    found: list[Object] = json.loads(text)
    return found
