"""What NetworkPolicies, Ingresses, IngressClasses, ServiceCIDRs and IPAddresses must be.

Source: kubernetes/pkg/apis/networking/validation/validation.go, release 1.37.
"""

from __future__ import annotations

import ipaddress
import re

from podwalk.api.validation import metadata, names
from podwalk.api.validation.causes import (
    Causes,
    each,
    forbidden,
    immutable,
    invalid,
    late,
    not_supported,
    required,
    too_long,
)
from podwalk.types import Object

_WRONG_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_WRONG_AT_ENDS = ("/..", "/.")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def network_policy(obj: Object, old: Object | None) -> Causes:
    """Check a NetworkPolicy."""
    spec = obj.get("spec") or {}
    known = _blocks((old or {}).get("spec") or {})
    yield from metadata.selector("spec.podSelector", spec.get("podSelector"))
    for name, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(name) or ()):
            at = f"spec.{name}[{index}]"
            for number, port in enumerate(rule.get("ports") or ()):
                yield from _policy_port(f"{at}.ports[{number}]", port)
            for number, peer in enumerate(rule.get(side) or ()):
                yield from _peer(f"{at}.{side}[{number}]", peer, known)
    types = spec.get("policyTypes") or []
    if len(types) > 2:
        yield invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for index, kind in enumerate(types):
        if kind not in ("Ingress", "Egress"):
            yield not_supported(f"spec.policyTypes[{index}]", kind, ("Ingress", "Egress"))


def _blocks(spec: Object) -> set[str]:
    """Return the blocks that are stored already, which may stay as they are."""
    peers = [peer for rule in spec.get("ingress") or () for peer in rule.get("from") or ()]
    peers += [peer for rule in spec.get("egress") or () for peer in rule.get("to") or ()]
    blocks = [peer["ipBlock"] for peer in peers if peer.get("ipBlock")]
    return {cidr for block in blocks for cidr in (block.get("cidr", ""), *(block.get("except") or ()))}


def _policy_port(path: str, value: Object) -> Causes:
    protocol, port, end = value.get("protocol"), value.get("port"), value.get("endPort")
    if protocol is not None and protocol not in ("TCP", "UDP", "SCTP"):
        yield not_supported(f"{path}.protocol", protocol, ("TCP", "UDP", "SCTP"))
    if port is None:
        if end is not None:
            yield invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified")
    elif isinstance(port, str):
        if end is not None:
            yield invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric")
        yield from each(f"{path}.port", port, names.port_name(port))
    else:
        yield from each(f"{path}.port", port, names.port_number(port))
        if end is not None:
            if end < port:
                yield invalid(f"{path}.endPort", end, "must be greater than or equal to `port`")
            yield from each(f"{path}.endPort", end, names.port_number(end))


def _peer(path: str, peer: Object, known: set[str]) -> Causes:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    for name in given:
        if name == "ipBlock":
            yield from _block(f"{path}.ipBlock", peer[name], known)
        else:
            yield from metadata.selector(f"{path}.{name}", peer[name])
    if not given:
        yield required(path, "must specify a peer")
    elif len(given) > 1 and "ipBlock" in given:
        yield forbidden(path, "may not specify both ipBlock and another peer")


def _block(path: str, block: Object, known: set[str]) -> Causes:
    cidr = block.get("cidr") or ""
    if not cidr:
        yield late(required(f"{path}.cidr"))
        return
    yield from each(f"{path}.cidr", cidr, [] if cidr in known else names.cidr(cidr))
    whole = _network(cidr)
    if whole is None:
        return
    for index, text in enumerate(block.get("except") or ()):
        at = f"{path}.except[{index}]"
        yield from each(at, text, [] if text in known else names.cidr(text))
        part = _network(text)
        if part is None:
            continue
        inside = part.version == whole.version and part.network_address in whole
        if not inside or whole.prefixlen >= part.prefixlen:
            yield invalid(at, text, "must be a strict subset of `cidr`")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    head, _, length = text.partition("/")
    address = names.parse_ip(head)
    try:
        return ipaddress.ip_network(f"{address}/{int(length)}", strict=False)
    except ValueError:
        return None


def ingress(obj: Object, old: Object | None) -> Causes:
    """Check an Ingress."""
    spec = obj.get("spec") or {}
    rules, default = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and default is None:
        yield invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if default is not None:
        yield from _backend("spec.defaultBackend", default)
    for index, rule in enumerate(rules):
        yield from _rule(f"spec.rules[{index}]", rule)
    for index, tls in enumerate(spec.get("tls") or ()):
        for number, host in enumerate(tls.get("hosts") or ()):
            yield from each(f"spec.tls[{index}].hosts[{number}]", host, _host_problems(host))
        if secret := tls.get("secretName"):
            yield from each(f"spec.tls[{index}].secretName", secret, names.dns_subdomain(secret))
    chosen = spec.get("ingressClassName")
    if chosen is not None:
        yield from each("spec.ingressClassName", chosen, names.dns_subdomain(chosen))
    annotated = (obj["metadata"].get("annotations") or {}).get("kubernetes.io/ingress.class")
    if old is None and annotated is not None and chosen is not None and annotated != chosen:
        detail = "must match `ingressClassName` when both are specified"
        yield invalid("annotations.kubernetes.io/ingress.class", annotated, detail)


def _host_problems(host: str) -> list[str]:
    return names.wildcard_subdomain(host) if "*" in host else names.dns_subdomain(host)


def _rule(path: str, rule: Object) -> Causes:
    if host := rule.get("host"):
        if names.parse_ip(host) is not None:
            yield invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
        yield from each(f"{path}.host", host, _host_problems(host))
    http = rule.get("http")
    if http is None:
        return
    paths = http.get("paths") or []
    if not paths:
        yield required(f"{path}.http.paths")
    for index, value in enumerate(paths):
        yield from _http_path(f"{path}.http.paths[{index}]", value)


def _http_path(path: str, value: Object) -> Causes:
    kind, text = value.get("pathType"), value.get("path") or ""
    if kind is None:
        yield required(f"{path}.pathType", "pathType must be specified")
        return
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            yield invalid(f"{path}.path", text, "must be an absolute path")
        for wrong in _WRONG_IN_PATHS:
            if wrong in text:
                yield invalid(f"{path}.path", text, f"must not contain '{wrong}'")
        for wrong in _WRONG_AT_ENDS:
            if text.endswith(wrong):
                yield invalid(f"{path}.path", text, f"cannot end with '{wrong}'")
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield invalid(f"{path}.path", text, "must be an absolute path")
    else:
        yield not_supported(f"{path}.pathType", kind, _PATH_TYPES)
    yield from _backend(f"{path}.backend", value.get("backend") or {})


def _backend(path: str, backend: Object) -> Causes:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        yield invalid(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from _reference(f"{path}.resource", resource)
    elif service is None:
        yield invalid(path, "", "resource or service backend is required")
    else:
        yield from _service_backend(path, service)


def _service_backend(path: str, service: Object) -> Causes:
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        yield required(f"{path}.service.name")
    else:
        yield from each(f"{path}.service.name", name, names.dns_label(name))
    label, number = port.get("name"), port.get("number")
    if label and number:
        yield invalid(path, "", "cannot set both port name & port number")
    elif label:
        yield from each(f"{path}.service.port.name", label, names.port_name(label))
    elif number:
        yield from each(f"{path}.service.port.number", number, names.port_number(number))
    else:
        yield required(path, "port name or number is required")


def _reference(path: str, value: Object) -> Causes:
    if (group := value.get("apiGroup")) is not None:
        yield from each(f"{path}.apiGroup", group, names.dns_subdomain(group))
    for name in ("kind", "name"):
        text = value.get(name) or ""
        if not text:
            yield required(f"{path}.{name}")
        else:
            yield from each(f"{path}.{name}", text, names.path_segment(text))


def ingress_class(obj: Object, old: Object | None) -> Causes:
    """Check an IngressClass."""
    spec = obj.get("spec") or {}
    controller = spec.get("controller") or ""
    if old is not None:
        yield from immutable("spec.controller", controller, (old.get("spec") or {}).get("controller") or "")
    if len(controller) > 250:
        yield too_long("spec.controller", 250)
    yield from _domain_path("spec.controller", controller)
    parameters = spec.get("parameters")
    if parameters is not None:
        yield from _parameters("spec.parameters", parameters)


def _domain_path(path: str, value: str) -> Causes:
    if not value:
        yield required(path)
        return
    host, _, rest = value.partition("/")
    if not host or not rest:
        yield invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    yield from each(path, host, names.dns_subdomain(host))
    if not re.fullmatch(_HTTP_PATH, rest):
        yield invalid(path, rest, f"Invalid path (regex used for validation is '{_HTTP_PATH}')")


def _parameters(path: str, value: Object) -> Causes:
    for cause in _reference(path, value):
        yield late(cause) if cause.reason == "FieldValueRequired" else cause
    scope, namespace = value.get("scope"), value.get("namespace")
    if scope is None:
        yield required(f"{path}.scope")
    elif scope not in ("Cluster", "Namespace"):
        yield not_supported(f"{path}.scope", scope, ("Cluster", "Namespace"))
    elif scope == "Namespace":
        if namespace is None:
            yield required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
        else:
            yield from each(f"{path}.namespace", namespace, names.dns_label(namespace))
    elif namespace is not None:
        yield forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")


def service_cidr(obj: Object, old: Object | None) -> Causes:
    """Check a ServiceCIDR."""
    cidrs = (obj.get("spec") or {}).get("cidrs") or []
    if old is not None:
        before = (old.get("spec") or {}).get("cidrs") or []
        if cidrs[:1] != before[:1] or (len(before) > 1 and cidrs != before):
            yield invalid("spec.cidrs", cidrs, "field is immutable")
            return
    if not cidrs:
        yield required("spec.cidrs", "at least one CIDR required")
        return
    if len(cidrs) > 2:
        yield invalid("spec.cidrs", cidrs, "may only hold up to 2 values")
    if len(cidrs) > 1 and len({":" in cidr for cidr in cidrs}) == 1:
        yield invalid(
            "spec.cidrs",
            cidrs,
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
        )
    for index, cidr in enumerate(cidrs):
        yield from each(f"spec.cidrs[{index}]", cidr, names.cidr(cidr, strict=True))


def ip_address(obj: Object, old: Object | None) -> Causes:
    """Check an IPAddress."""
    reference = (obj.get("spec") or {}).get("parentRef")
    if old is not None:
        yield from immutable("spec.parentRef", reference, (old.get("spec") or {}).get("parentRef"))
    if reference is None:
        yield late(required("spec.parentRef"))
        return
    if not reference.get("resource"):
        yield required("spec.parentRef.resource")
    if not reference.get("name"):
        yield required("spec.parentRef.name")
