"""The hash at the end of a ReplicaSet's or ControllerRevision's name.

Upstream hashes Go's dump of the template, which nothing outside Go can repeat; here it is the same function over
canonical JSON, written in
the same safe alphabet, so a name looks the same and stays the same.

Source: k8s.io/apimachinery/pkg/util/rand, SafeEncodeString; k8s.io/kubernetes/pkg/controller, ComputeHash.
"""

from __future__ import annotations

import json
from typing import Any

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_FNV_OFFSET, _FNV_PRIME = 2166136261, 16777619


def compute_hash(value: Any, collisions: int = 0) -> str:
    """Return the FNV-1a hash of a JSON value, with the count of collisions so far, in the safe alphabet."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    state = _FNV_OFFSET
    for byte in f"{text}{collisions or ''}".encode():
        state = ((state ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(state))
