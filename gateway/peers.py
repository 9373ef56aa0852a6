"""Who is on the other side: the address of a connection, or the one that a trusted proxy names. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via")
"""Headers that show that a proxy stands in between."""
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'[ \t]*({_WORD})=({_WORD}|"(?:[^"\\]|\\.)*")[ \t]*([;,]|\Z)')
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?|([0-9A-Fa-f:.]+)")
"""An address as proxies write it: bare, or with a port, then an IPv6 one in brackets."""


class BadForwardingHeader(ValueError):
    """A trusted proxy's header that does not say who the peer is."""


class Headers(Protocol):
    """The headers of a request, found whatever their case."""

    def get(self, key: str, /) -> str | None:
        """The value of a header, several of one name joined by commas; None where it is not there."""
        ...


def peer_of(remote: str, headers: Headers, trusted: Iterable[Network]) -> Address:
    """Who sent a request that came from `remote`.

    While an address is a trusted proxy's, the peer is whom that proxy names: in X-Forwarded-For or Forwarded (RFC 7239)
    the right-most address that is not trusted, or the left-most one where all are. What stands left of it was written
    by strangers and is not looked at. Where both headers are there they must agree, because a proxy that writes one
    lets a client's own other one pass. IPv4 addresses in IPv6 clothes are undressed.

    Raises BadForwardingHeader for a header that is malformed or names nobody, ValueError for a `remote` that is no
    address.
    """
    peer = _connected(remote)
    networks = tuple(trusted)
    if not networks:
        return peer

    def is_trusted(address: Address) -> bool:
        return any(address in network for network in networks)

    if not is_trusted(peer):
        return peer
    named = {
        _first_stranger(nodes(value), name, is_trusted)
        for name, nodes in (("X-Forwarded-For", _listed), ("Forwarded", _forwarded))
        if (value := headers.get(name)) is not None
    }
    if len(named) > 1:
        raise BadForwardingHeader("X-Forwarded-For and Forwarded name different peers: have the proxy remove one")
    return named.pop() if named else peer


def allowed_from(peer: Address, networks: Iterable[str]) -> bool:
    """Whether a peer is in one of the networks; anywhere is allowed where none is given. Raises as `network_of`."""
    known = [network_of(network) for network in networks]
    return not known or any(_plain(peer) in network for network in known)


@lru_cache(maxsize=1024)
def _connected(remote: str) -> Address:
    """The address at the other end of a connection; raises ValueError for anything else."""
    return _plain(ip_address(remote.partition("%")[0]))


@lru_cache(maxsize=1024)
def network_of(text: str) -> Network:
    """A network or one address, e.g. 10.0.0.0/8, 2001:db8::/32, 192.0.2.7; raises ValueError in words."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        return network if mapped is None else IPv4Network((mapped, network.prefixlen - 96))
    return network


def _first_stranger(nodes: Iterator[str], header: str, is_trusted: Callable[[Address], bool]) -> Address:
    """Walk from the right; `nodes` comes so."""
    found: Address | None = None
    for node in nodes:
        found = _address(node, header)
        if not is_trusted(found):
            return found
    if found is None:
        raise BadForwardingHeader(f"{header} is empty")
    return found


def _listed(value: str) -> Iterator[str]:
    return (node.strip(" \t") for node in reversed(value.split(",")))


def _forwarded(value: str) -> Iterator[str]:
    """The `for` of each element, "" where it has none. Read as a whole: a quote left open hides what follows it."""
    elements: list[dict[str, str]] = [{}]
    place = 0
    while place < len(value):
        pair = _PAIR.match(value, place)
        if pair is None or pair[1].lower() in elements[-1] or (pair[3] and pair.end() == len(value)):
            raise BadForwardingHeader("Forwarded is malformed: write it as RFC 7239 says, e.g. for=192.0.2.7")
        written = re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2].startswith('"') else pair[2]
        elements[-1][pair[1].lower()] = written
        if pair[3] == ",":
            elements.append({})
        place = pair.end()
    return (element.get("for", "") for element in reversed(elements))


def _address(node: str, header: str) -> Address:
    written = _NODE.fullmatch(node)
    try:
        if written is not None:
            return _plain(IPv6Address(written[1]) if written[1] else ip_address(written[2] or written[3]))
    except ValueError:
        pass
    raise BadForwardingHeader(f"{header} does not give the address of the peer where the trusted proxy writes it")


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
