"""What Endpoints and EndpointSlices must be.

Source: kubernetes/pkg/apis/core/validation/validation.go and discovery/validation/validation.go, release 1.37.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from podwalk.api.validation import names
from podwalk.api.validation.causes import (
    IMMUTABLE,
    Causes,
    duplicate,
    each,
    invalid,
    late,
    not_supported,
    one_of,
    required,
    too_many,
)
from podwalk.api.validation.containers import PROTOCOLS
from podwalk.types import Object


def endpoint_ip(path: str, value: str) -> Causes:
    """Check an address that can be that of an endpoint."""
    address = names.parse_ip(value)
    if address is None:
        yield invalid(path, value, "must be a valid IP address")
        return
    if address.is_unspecified:
        yield invalid(path, value, f"may not be unspecified ({value})")
    if address.is_loopback:
        yield invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in _LINK_LOCAL_MULTICAST[address.version]:
        yield invalid(path, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


_LINK_LOCAL_MULTICAST: dict[int, Any] = {
    4: ipaddress.ip_network("224.0.0.0/24"),
    6: ipaddress.ip_network("ff02::/16"),
}


def endpoints(obj: Object, old: Object | None) -> Causes:
    """Check Endpoints."""
    if old is not None and old.get("subsets") == obj.get("subsets"):
        return
    for index, subset in enumerate(obj.get("subsets") or ()):
        at = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(at, "must specify `addresses` or `notReadyAddresses`")
        for name in ("addresses", "notReadyAddresses"):
            for number, address in enumerate(subset.get(name) or ()):
                yield from _endpoint_address(f"{at}.{name}[{number}]", address)
        ports = subset.get("ports") or []
        for number, port in enumerate(ports):
            yield from _endpoint_port(f"{at}.ports[{number}]", port, named=len(ports) > 1)


def _endpoint_address(path: str, address: Object) -> Causes:
    ip = address.get("ip") or ""
    yield from each(f"{path}.ip", ip, names.ip(ip, strict=False))
    if host := address.get("hostname"):
        yield from each(f"{path}.hostname", host, names.dns_label(host))
    node = address.get("nodeName")
    if node is not None:
        yield from each(f"{path}.nodeName", node, names.dns_subdomain(node))
    yield from endpoint_ip(f"{path}.ip", ip)


def _endpoint_port(path: str, port: Object, *, named: bool) -> Causes:
    name, number = port.get("name") or "", port.get("port", 0)
    if not name:
        if named:
            yield required(f"{path}.name")
    else:
        yield from each(f"{path}.name", name, names.dns_label(name))
    yield from each(f"{path}.port", number, names.port_number(number))
    yield from one_of(f"{path}.protocol", port.get("protocol"), PROTOCOLS)


def endpoint_slice(obj: Object, old: Object | None) -> Causes:
    """Check an EndpointSlice."""
    family = obj.get("addressType") or ""
    for cause in one_of("addressType", family, ("FQDN", "IPv4", "IPv6")):
        yield late(cause)
    seen = []
    for index, port in enumerate(obj.get("ports") or ()):
        at, name = f"ports[{index}]", port.get("name") or ""
        if name:
            yield from each(f"{at}.name", name, names.dns_label(name))
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.append(name)
        if port.get("protocol") not in PROTOCOLS:
            yield not_supported(f"{at}.protocol", port.get("protocol") or "", PROTOCOLS)
        if (protocol := port.get("appProtocol")) is not None:
            yield from each(f"{at}.appProtocol", protocol, names.label_key(protocol))
    if old is None or old.get("endpoints") != obj.get("endpoints"):
        yield from _slice_endpoints(obj.get("endpoints") or [], family)
    if old is not None and family != old.get("addressType"):
        # The rules made from types print a string that may not change as null.
        yield late(invalid("addressType", None, IMMUTABLE))


def _slice_endpoints(values: list[Object], family: str) -> Causes:
    if len(values) > 1000:
        yield too_many("endpoints", len(values), 1000)
        return
    for index, endpoint in enumerate(values):
        at, addresses = f"endpoints[{index}]", endpoint.get("addresses") or []
        if not addresses:
            yield late(required(f"{at}.addresses"))
        elif len(addresses) > 100:
            yield late(too_many(f"{at}.addresses", len(addresses), 100))
        for number, address in enumerate(addresses):
            yield from _slice_address(f"{at}.addresses", number, address, family)
        node, host = endpoint.get("nodeName"), endpoint.get("hostname")
        if node is not None:
            yield from each(f"{at}.nodeName", node, names.dns_subdomain(node))
        if host is not None:
            yield from each(f"{at}.hostname", host, names.dns_label(host))
        yield from _hints(f"{at}.hints", endpoint.get("hints") or {})


def _slice_address(path: str, index: int, address: str, family: str) -> Causes:
    at = f"{path}[{index}]"
    if family == "FQDN":
        name = address.removesuffix(".")
        problems = names.dns_subdomain(name)
        if problems:
            yield invalid(at, name, ",".join(problems))
        elif "." not in name:
            yield invalid(at, name, "should be a domain with at least two segments separated by dots")
    elif family in ("IPv4", "IPv6"):
        problems = names.ip(address, strict=family == "IPv6")
        yield from each(at, address, problems)
        if problems:
            return
        if (":" in address) != (family == "IPv6"):
            yield invalid(path, address, f"must be an {family} address")
        yield from endpoint_ip(at, address)


def _hints(path: str, hints: Object) -> Causes:
    for name, check in (("forZones", names.label_value), ("forNodes", names.dns_subdomain)):
        values = hints.get(name) or []
        if len(values) > 8:
            yield too_many(f"{path}.{name}", len(values), 8)
            return
        seen = set()
        for index, hint in enumerate(values):
            target, at = hint.get("name") or "", f"{path}.{name}[{index}].name"
            if target in seen:
                yield duplicate(at, target)
            seen.add(target)
            yield from each(at, target, check(target))
