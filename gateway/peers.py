"""Where a request comes from, and whether a key may be used from there. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address


def allowed_from(peer: IPv4Address | IPv6Address, networks: tuple[str, ...]) -> bool:
    """Whether `peer` lies in one of `networks`, or there are none; an IPv4 address inside IPv6 counts as IPv4."""
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    address = mapped or peer
    return not networks or any(address in _network(network) for network in networks)


@lru_cache(maxsize=1024)
def _network(written: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(written)
