"""What a lookup in a Pod sends, for those who see no more of the network model than the façade."""

from __future__ import annotations

from podwalk.network.dns.search import names

__all__ = ["names"]
