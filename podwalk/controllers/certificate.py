"""The root certificate that a cluster publishes to its Pods: one that verifies, the same for the same cluster."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from podwalk.types import ClusterOptions

NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
TEN_YEARS = timedelta(days=3650)


@lru_cache(maxsize=8)
def root_certificate(options: ClusterOptions) -> str:
    """Return the cluster's root certificate in PEM."""
    secret = hashlib.sha256(f"{options.name}/{options.seed}".encode()).digest()
    key = Ed25519PrivateKey.from_private_bytes(secret)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(secret[:8], "big") | 1)
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_BEFORE + TEN_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    return certificate.public_bytes(Encoding.PEM).decode()
