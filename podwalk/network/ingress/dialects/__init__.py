"""The dialects of Ingress, by name. A new one is a module and an entry here."""

from __future__ import annotations

from collections.abc import Mapping

from podwalk.network.ingress.dialects import nginx, plain, traefik
from podwalk.network.ingress.dialects.dialect import Dialect

DIALECTS: Mapping[str, Dialect] = {one.name: one for one in (nginx.DIALECT, plain.DIALECT, traefik.DIALECT)}
"""Every dialect by its name."""

BY_CONTROLLER: Mapping[str, Dialect] = {name: one for one in DIALECTS.values() for name in one.controllers}
"""Every dialect by what ``spec.controller`` of its IngressClass says."""

__all__ = ["BY_CONTROLLER", "DIALECTS", "Dialect"]
