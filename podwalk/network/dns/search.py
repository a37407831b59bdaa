"""The queries that one lookup sends: the search list and ``ndots`` of a Pod's ``/etc/resolv.conf``.

Source: resolv.conf(5); glibc's and musl's resolvers agree on the order for names without a final dot.
"""

from __future__ import annotations

from dataclasses import dataclass

GLIBC_NDOTS = 1


@dataclass(frozen=True)
class ResolvConf:
    """What a resolver reads.

    Attributes:
        nameservers: the servers asked, in order.
        search: the domains put behind a short name.
        ndots: from how many dots on a name is first tried as it is.
        options: the other options as written.
    """

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = GLIBC_NDOTS
    options: tuple[str, ...] = ()


def parse(text: str) -> ResolvConf:
    """Read a ``resolv.conf``; as in the C library, the last ``search`` line wins and unknown lines are skipped."""
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split(";", 1)[0].split()
        if not words:
            continue
        if words[0] == "nameserver" and len(words) > 1:
            nameservers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:])
        elif words[0] == "options":
            options.extend(words[1:])
    ndots = next((option[6:] for option in reversed(options) if option.startswith("ndots:")), "")
    return ResolvConf(
        tuple(nameservers), search, min(int(ndots), 15) if ndots.isdigit() else GLIBC_NDOTS, tuple(options)
    )


def names(resolv_conf: str | ResolvConf, name: str) -> tuple[str, ...]:
    """Return the absolute names that a lookup tries, in order, until one answers.

    Args:
        resolv_conf: the file's text, or what :func:`parse` made of it.
        name: the name as typed; with a final dot it is taken as it is.
    """
    conf = parse(resolv_conf) if isinstance(resolv_conf, str) else resolv_conf
    if name.endswith("."):
        return (name,)
    searched = tuple(f"{name}.{domain.rstrip('.')}." if domain.rstrip(".") else f"{name}." for domain in conf.search)
    as_it_is = f"{name}."
    if name.count(".") >= conf.ndots:
        return tuple(dict.fromkeys((as_it_is, *searched)))
    return tuple(dict.fromkeys((*searched, as_it_is)))
