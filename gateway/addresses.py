"""Which network addresses a webhook may be sent to. Pure: addresses in, a verdict out.

A URL that an operator wrote once can lead anywhere later: its name may come to stand for the router, for a cloud's
metadata service, or for this machine. So what is not public must have been named.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import Enum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST = ipaddress.IPv6Network("2000::/3")
"""What IANA has given out as global unicast; everything outside it has a special meaning."""
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (  # what Python's own lists lack, in one release or another
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526): deprecated, whoever answers there
        "2001::/23",  # protocol assignments (RFC 2928); Teredo (RFC 4380), which carries an IPv4 address, among them
        "2002::/16",  # 6to4 (RFC 3056), which carries one too
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # begin of an interface identifier that ends in an IPv4 address (RFC 5214 6.1)
_NOWHERE = ipaddress.IPv4Network("0.0.0.0/8")  # Linux takes 0.0.0.0 for this machine


class Reach(Enum):
    """How far an address reaches."""

    PUBLIC = "public"
    PRIVATE = "private"  #: this machine, a network of one's own, or an address that carries another one
    NEVER = "never"  #: no address of a single machine: multicast, unspecified, reserved


def parse(text: str) -> Address | None:
    """An address as `getaddrinfo` writes it, with or without a zone; None for anything else.

    IPv4 addresses inside IPv6 ones (::ffff:127.0.0.1) come out as what they are.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def reach(address: Address) -> Reach:
    """How far an address reaches."""
    special = any(address in network for network in _SPECIAL)
    if isinstance(address, ipaddress.IPv4Address):
        if address.is_multicast or address.is_reserved or address in _NOWHERE:
            return Reach.NEVER
        return Reach.PUBLIC if address.is_global and not special else Reach.PRIVATE
    if address.is_multicast or address.is_unspecified:
        return Reach.NEVER
    special = special or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    return Reach.PUBLIC if address in _UNICAST and address.is_global and not special else Reach.PRIVATE


def allowed_networks(names: Iterable[str]) -> tuple[Network, ...]:
    """Those of `names` that are addresses or networks; raises ValueError for a network with host bits."""
    return tuple(ipaddress.ip_network(name) for name in names if parse(name.partition("/")[0]) is not None)


def refusal(address: Address, networks: Iterable[Network], *, named: bool = False, clear_text: bool = False) -> str:
    """Why nothing is sent to an address; empty where it is.

    `networks` may be private ones; with `named`, whatever private address the URL's host has is allowed. With
    `clear_text` only private addresses are.
    """
    found = reach(address)
    if found is Reach.NEVER:
        return f"{address} is no address of a single machine"
    if found is Reach.PRIVATE and not named and not any(address in network for network in networks):
        return f"{address} is a private address; name it, or the host, in allow_private if that is meant"
    if found is Reach.PUBLIC and clear_text:
        return f"{address} is a public address; use https, or set insecure_http = true"
    return ""
