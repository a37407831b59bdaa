"""What names, labels, keys, ports and addresses may look like; each check returns the problems in the words of the API.

Source: k8s.io/apimachinery/pkg/util/validation and k8s.io/apimachinery/pkg/api/validate/content.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

Check = Callable[[str], list[str]]

LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_UNDERSCORED_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORED = rf"{_UNDERSCORED_LABEL}(\.{_UNDERSCORED_LABEL})*"
_WILDCARD = r"\*\." + _SUBDOMAIN
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_HEADER = "[-A-Za-z0-9]+"
_PERCENT = "[0-9]+%"
_VARIABLE = "[-._a-zA-Z][-._a-zA-Z0-9]*"

_KEY_MESSAGE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def max_length(length: int) -> str:
    """Say how long a text may be."""
    return f"must be no more than {length} characters"


def within(low: int, high: int) -> str:
    """Say between what a number must be."""
    return f"must be between {low} and {high}, inclusive"


def dns_label(value: str) -> list[str]:
    """Check an RFC 1123 label."""
    problems = [max_length(LABEL_LENGTH)] if len(value) > LABEL_LENGTH else []
    if not re.fullmatch(_LABEL, value):
        if re.fullmatch(_SUBDOMAIN, value):
            return [*problems, "must not contain dots"]
        message = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            "and must start and end with an alphanumeric character"
        )
        problems.append(_mismatch(message, _LABEL, "my-name", "123-abc"))
    return problems


def dns_1035_label(value: str) -> list[str]:
    """Check a DNS-1035 label."""
    problems = [max_length(LABEL_LENGTH)] if len(value) > LABEL_LENGTH else []
    if not re.fullmatch(_LABEL_1035, value):
        message = (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
            "start with an alphabetic character, and end with an alphanumeric character"
        )
        problems.append(_mismatch(message, _LABEL_1035, "my-name", "abc-123"))
    return problems


def dns_subdomain(value: str) -> list[str]:
    """Check an RFC 1123 subdomain."""
    message = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
        "and must start and end with an alphanumeric character"
    )
    return _domain(value, _SUBDOMAIN, message, "example.com")


def underscored_subdomain(value: str) -> list[str]:
    """Check a subdomain whose labels may hold underscores."""
    message = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
        "and must start and end with an alphanumeric character"
    )
    return _domain(value, _UNDERSCORED, message, "example.com")


def wildcard_subdomain(value: str) -> list[str]:
    """Check a name such as ``*.example.com``."""
    message = (
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
        "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
    )
    return _domain(value, _WILDCARD, message, "*.example.com")


def path_segment(value: str) -> list[str]:
    """Check a name that only must be good in a URL, as those of RBAC."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in value]


def label_key(value: str) -> list[str]:
    """Check the key of a label, also called a qualified name."""
    prefix, slash, name = value.rpartition("/")
    problems = []
    if "/" in prefix:
        mismatch = _mismatch(f"a valid label key {_KEY_MESSAGE}", _KEY, "MyName", "my.name", "123-abc")
        return [f"{mismatch} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    if slash:
        problems = [f"prefix part {problem}" for problem in dns_subdomain(prefix)] if prefix else []
        if not prefix:
            problems.append("prefix part must be non-empty")
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > LABEL_LENGTH:
        problems.append(f"name part must be no more than {LABEL_LENGTH} bytes")
    if not re.fullmatch(_KEY, name):
        problems.append("name part " + _mismatch(_KEY_MESSAGE, _KEY, "MyName", "my.name", "123-abc"))
    return problems


def label_value(value: str) -> list[str]:
    """Check the value of a label."""
    problems = [f"must be no more than {LABEL_LENGTH} bytes"] if len(value) > LABEL_LENGTH else []
    if not re.fullmatch(_VALUE, value):
        message = f"a valid label must be an empty string or {_KEY_MESSAGE.removeprefix('must ')}"
        problems.append(_mismatch(message, _VALUE, "MyValue", "my_value", "12345"))
    return problems


def config_key(value: str) -> list[str]:
    """Check a key of a ConfigMap or a Secret."""
    problems = [max_length(SUBDOMAIN_LENGTH)] if len(value) > SUBDOMAIN_LENGTH else []
    if not re.fullmatch(_CONFIG_KEY, value):
        message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        problems.append(_mismatch(message, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    if value in (".", ".."):
        problems.append(f"must not be '{value}'")
    elif value.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def variable(value: str) -> list[str]:
    """Check the name of an environment variable."""
    problems = [] if value else ["environment variable name must be non-empty"]
    if any(not " " <= character <= "~" or character == "=" for character in value):
        problems.append(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        )
    return problems


def header(value: str) -> list[str]:
    """Check the name of an HTTP header."""
    if re.fullmatch(_HEADER, value):
        return []
    return [_mismatch("a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name")]


def percent(value: str) -> list[str]:
    """Check a percentage."""
    if re.fullmatch(_PERCENT, value):
        return []
    message = "a valid percent string must be a numeric string followed by an ending '%'"
    return [_mismatch(message, _PERCENT, "1%", "93%")]


def port_number(value: int) -> list[str]:
    """Check the number of a port."""
    return [] if 1 <= value <= 65535 else [within(1, 65535)]


def port_name(value: str) -> list[str]:
    """Check the name of a container's port."""
    problems = [max_length(15)] if len(value) > 15 else []
    if not re.fullmatch("[-a-z0-9]+", value):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        problems.append("must contain at least one letter (a-z)")
    if "--" in value:
        problems.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def port(value: int | str) -> list[str]:
    """Check a port given by number or by name."""
    return port_name(value) if isinstance(value, str) else port_number(value)


def ip(value: str, *, strict: bool = True) -> list[str]:
    """Check an address; a strict check also wants the canonical form."""
    address = parse_ip(value)
    if address is None:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    if any(len(part) > 1 and part.startswith("0") for part in value.split(".") if "." in value and ":" not in value):
        return ["must not have leading 0s"]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return ["must not be an IPv4-mapped IPv6 address"]
    if strict and str(address) != value:
        return [f'must be in canonical form ("{address}")']
    return []


def cidr(value: str, *, strict: bool = False) -> list[str]:
    """Check a block of addresses."""
    head, _, length = value.partition("/")
    address = parse_ip(head)
    limit = 32 if isinstance(address, ipaddress.IPv4Address) else 128
    if address is None or not length.isdecimal() or int(length) > limit:
        return ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]
    parts = [*(head.split(".") if ":" not in head else ()), length]
    if any(len(part) > 1 and part.startswith("0") for part in parts):
        return ["must not have leading 0s in IP or prefix length"]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return ["must not have an IPv4-mapped IPv6 address"]
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    if network.network_address != address:
        return ["must not have bits set beyond the prefix length"]
    if strict and str(network) != value:
        return [f'must be in canonical form ("{network}")']
    return []


def parse_ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address, leading zeros and all; None if it is none."""
    text = value
    if re.fullmatch(r"\d+(\.\d+){3}", value):
        text = ".".join(str(int(part)) for part in value.split("."))
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _domain(value: str, regex: str, message: str, example: str) -> list[str]:
    problems = [max_length(SUBDOMAIN_LENGTH)] if len(value) > SUBDOMAIN_LENGTH else []
    if not re.fullmatch(regex, value):
        problems.append(_mismatch(message, regex, example))
    return problems


def _mismatch(message: str, regex: str, *examples: str) -> str:
    # The API leaves two blanks between examples.
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{regex}')"
