"""The functions that Kubernetes adds to CEL, over the standard library and our quantities.

Source: k8s.io/apiserver/pkg/cel/library (ip, cidr, lists, quantity, regex, urls), cel-go/ext (strings); kubernetes.io,
"Common Expression Language in Kubernetes".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult, urlsplit

import re2
from celpy import celtypes as cel

from podwalk.api import quantities
from podwalk.api.quantities import Quantity

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LINK_LOCAL_MULTICAST: Mapping[int, Network] = {
    4: ipaddress.IPv4Network("224.0.0.0/24"),
    6: ipaddress.IPv6Network("ff02::/16"),
}


@dataclass(frozen=True)
class Optional:
    """The value of ``oldSelf`` where there may be none."""

    value: Any = None


def _holds(call: Callable[[Any], object], value: Any) -> cel.BoolType:
    try:
        call(value)
    except ValueError:
        return cel.BoolType(False)
    return cel.BoolType(True)


def _address(text: Any) -> Address:
    return ipaddress.ip_address(str(text))


def _network(text: Any) -> Network:
    return ipaddress.ip_interface(str(text)).network if "/" in str(text) else _no_network(str(text))


def _no_network(text: str) -> Network:
    raise ValueError(
        f"network address parse error during conversion from string: netip.ParsePrefix(\"{text}\"): no '/'"
    )


def _url(text: Any) -> SplitResult:
    parts = urlsplit(str(text))
    if not parts.scheme and not str(text).startswith("/"):
        raise ValueError(f'URL parse error during conversion from string: parse "{text}": invalid URI for request')
    return parts


def _quantity(text: Any) -> Quantity:
    return quantities.parse(str(text))


def _ip(value: Any) -> Any:
    return value.network_address if isinstance(value, Network) else _address(value)


def _size_of(kind: Any) -> cel.IntType:
    return cel.IntType(kind.version)


def _plus(one: Quantity, other: Any) -> Quantity:
    return Quantity(one.amount + _amount(other), one.style)


def _minus(one: Quantity, other: Any) -> Quantity:
    return Quantity(one.amount - _amount(other), one.style)


def _amount(value: Any) -> Any:
    return value.amount if isinstance(value, Quantity) else int(value)


def _compare(one: Quantity, other: Quantity) -> cel.IntType:
    return cel.IntType((one.amount > other.amount) - (one.amount < other.amount))


def _index(where: Any, what: Any) -> cel.IntType:
    if isinstance(where, cel.StringType):
        return cel.IntType(str(where).find(str(what)))
    return cel.IntType(next((number for number, item in enumerate(where) if item == what), -1))


def _last_index(where: Any, what: Any) -> cel.IntType:
    if isinstance(where, cel.StringType):
        return cel.IntType(str(where).rfind(str(what)))
    found = [number for number, item in enumerate(where) if item == what]
    return cel.IntType(found[-1] if found else -1)


def _is_sorted(items: Any) -> cel.BoolType:
    return cel.BoolType(all(one <= other for one, other in pairwise(items)))


def _total(items: Any) -> Any:
    return sum(items[1:], start=items[0]) if items else cel.IntType(0)


def _texts(items: Any) -> cel.ListType:
    return cel.ListType([cel.StringType(item) for item in items])


def _find(text: Any, pattern: Any) -> cel.StringType:
    found = re2.search(str(pattern), str(text))
    return cel.StringType(found[0] if found else "")


def _find_all(text: Any, pattern: Any, limit: int = -1) -> cel.ListType:
    found = [match[0] for match in re2.finditer(str(pattern), str(text))]
    return _texts(found if limit < 0 else found[:limit])


def _split(text: Any, separator: Any, limit: int = -1) -> cel.ListType:
    parts = list(text) if not separator else str(text).split(str(separator), limit - 1 if limit > 0 else -1)
    return _texts([] if limit == 0 else parts)


def _replace(text: Any, old: Any, new: Any, limit: int = -1) -> cel.StringType:
    return cel.StringType(str(text).replace(str(old), str(new), limit))


def _substring(text: Any, start: int, end: int | None = None) -> cel.StringType:
    return cel.StringType(str(text)[start:end])


def _value(optional: Optional) -> Any:
    if optional.value is None:
        raise ValueError("optional.none() dereference")
    return optional.value


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "isIP": lambda text: _holds(_address, text),
    "ip": _ip,
    "family": _size_of,
    "isUnspecified": lambda ip: cel.BoolType(ip.is_unspecified),
    "isLoopback": lambda ip: cel.BoolType(ip.is_loopback),
    "isLinkLocalMulticast": lambda ip: cel.BoolType(ip in _LINK_LOCAL_MULTICAST[ip.version]),
    "isLinkLocalUnicast": lambda ip: cel.BoolType(ip.is_link_local),
    "isGlobalUnicast": lambda ip: cel.BoolType(
        not (ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_link_local)
    ),
    "isCIDR": lambda text: _holds(_network, text),
    "cidr": _network,
    "containsIP": lambda network, ip: cel.BoolType((_ip(ip) if isinstance(ip, str) else ip) in network),
    "containsCIDR": lambda network, other: cel.BoolType(
        (_network(other) if isinstance(other, str) else other).subnet_of(network)
    ),
    "masked": lambda network: network,
    "prefixLength": lambda network: cel.IntType(network.prefixlen),
    "isURL": lambda text: _holds(_url, text),
    "url": _url,
    "getScheme": lambda url: cel.StringType(url.scheme),
    "getHost": lambda url: cel.StringType(url.netloc.rpartition("@")[2]),
    "getHostname": lambda url: cel.StringType(url.hostname or ""),
    "getPort": lambda url: cel.StringType(url.port or ""),
    "getEscapedPath": lambda url: cel.StringType(url.path),
    "isQuantity": lambda text: _holds(_quantity, text),
    "quantity": _quantity,
    "sign": lambda one: cel.IntType((one.amount > 0) - (one.amount < 0)),
    "isInteger": lambda one: cel.BoolType(one.amount == one.amount.to_integral_value()),
    "asInteger": lambda one: cel.IntType(int(one.amount)),
    "asApproximateFloat": lambda one: cel.DoubleType(float(one.amount)),
    "add": _plus,
    "sub": _minus,
    "isLessThan": lambda one, other: cel.BoolType(one.amount < other.amount),
    "isGreaterThan": lambda one, other: cel.BoolType(one.amount > other.amount),
    "compareTo": _compare,
    "isSorted": _is_sorted,
    "sum": _total,
    "min": lambda items: min(items),
    "max": lambda items: max(items),
    "indexOf": _index,
    "lastIndexOf": _last_index,
    "find": _find,
    "findAll": _find_all,
    "charAt": lambda text, at: cel.StringType(str(text)[at : at + 1]),
    "join": lambda items, glue="": cel.StringType(str(glue).join(items)),
    "lowerAscii": lambda text: cel.StringType(text.lower()),
    "upperAscii": lambda text: cel.StringType(text.upper()),
    "replace": _replace,
    "reverse": lambda text: cel.StringType(str(text)[::-1]),
    "split": _split,
    "substring": _substring,
    "trim": lambda text: cel.StringType(text.strip()),
    "hasValue": lambda optional: cel.BoolType(optional.value is not None),
    "value": _value,
    "orValue": lambda optional, other: other if optional.value is None else optional.value,
}
"""Kubernetes' functions by their names; a method's first argument is what it is called on."""
