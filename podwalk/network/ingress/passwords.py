"""Lines of an htpasswd file.

The hashes are passlib's (as maintained under the name libpass): Apache's own MD5, bcrypt, SHA-crypt and the rest are
what it is for. A hash of an unknown kind lets nobody in.
"""

from __future__ import annotations

from collections.abc import Iterable

from passlib.context import CryptContext  # type: ignore[import-untyped]  # it ships no types

SCHEMES = (
    "apr_md5_crypt",
    "bcrypt",
    "sha512_crypt",
    "sha256_crypt",
    "md5_crypt",
    "des_crypt",
    "ldap_sha1",
    "ldap_salted_sha1",
)
CONTEXT = CryptContext(schemes=list(SCHEMES))


def verify(lines: Iterable[str], name: str, password: str) -> bool:
    """Whether one of the lines gives this name this password."""
    for line in lines:
        user, _, secret = line.strip().partition(":")
        if user == name and secret:
            return _matches(secret, password)
    return False


def _matches(secret: str, password: str) -> bool:
    if secret.startswith("{PLAIN}"):
        return secret == f"{{PLAIN}}{password}"
    try:
        return bool(CONTEXT.verify(password, secret))
    except (ValueError, TypeError):
        return False
