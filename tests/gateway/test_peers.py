"""Who the peer is: what trusted proxies say is believed, what anybody else says is not."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from gateway.peers import Address, BadForwardingHeader, allowed_from, network_of, peer_of
from tests.gateway.world import World

TRUSTED = tuple(network_of(text) for text in ("10.0.0.0/8", "fd00::/8", "127.0.0.1"))
PROXY = "10.0.0.1"

strangers = st.ip_addresses().filter(
    lambda one: not any(one in net for net in TRUSTED) and not (isinstance(one, IPv6Address) and one.ipv4_mapped)
)
proxies = st.sampled_from([ip_address(text) for text in ("10.1.2.3", "10.255.0.1", "fd00::7", "127.0.0.1")])
junk = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)


def bare(address: Address) -> str:
    return str(address)


def with_port(address: Address) -> str:
    return f"[{address}]:443" if isinstance(address, IPv6Address) else f"{address}:443"


def clothed(address: Address) -> str:
    return str(address) if isinstance(address, IPv6Address) else f"::ffff:{address}"


def node(address: Address) -> str:
    return f'for="[{address}]"' if isinstance(address, IPv6Address) else f"for={address}"


@given(remote=strangers, spoofed=junk, name=st.sampled_from(["X-Forwarded-For", "Forwarded"]))
def test_what_an_untrusted_peer_claims_is_never_looked_at(remote: Address, spoofed: str, name: str) -> None:
    assert peer_of(str(remote), {name: spoofed}, TRUSTED) == remote
    assert peer_of(PROXY, {name: spoofed}, ()) == ip_address(PROXY)


@given(
    spoofed=junk,
    client=strangers,
    between=st.lists(proxies, max_size=3),
    write=st.sampled_from([bare, with_port, clothed]),
    gap=st.sampled_from([",", ", ", " , \t"]),
)
def test_what_a_client_puts_before_its_own_address_never_wins(
    spoofed: str, client: Address, between: list[Address], write: object, gap: str
) -> None:
    assert callable(write)
    header = gap.join([spoofed, *(write(one) for one in (client, *between))])
    assert peer_of(PROXY, {"X-Forwarded-For": header}, TRUSTED) == client


@given(
    spoofed=st.one_of(junk, strangers.map(node), st.just('for=192.0.2.66;x="')),
    client=strangers,
    hops=st.lists(proxies),
)
def test_in_forwarded_it_never_wins_either(spoofed: str, client: Address, hops: list[Address]) -> None:
    header = ", ".join([spoofed, *(f"{node(one)};proto=https" for one in (client, *hops))])
    try:
        assert peer_of(PROXY, {"Forwarded": header}, TRUSTED) == client
    except BadForwardingHeader:
        assert not spoofed.startswith("for=") or '"' in spoofed  # only what is malformed is refused


@given(value=st.text(), name=st.sampled_from(["X-Forwarded-For", "Forwarded"]))
def test_any_value_is_an_answer_or_a_refusal(value: str, name: str) -> None:
    with suppress(BadForwardingHeader):
        assert peer_of(PROXY, {name: value}, TRUSTED).version in (4, 6)


@given(address=strangers)
def test_an_address_in_other_clothes_is_the_same(address: Address) -> None:
    assert peer_of(clothed(address), {}, TRUSTED) == address
    assert peer_of(PROXY, {"X-Forwarded-For": clothed(address)}, TRUSTED) == address
    assert peer_of(f"::ffff:{PROXY}", {"X-Forwarded-For": str(address)}, TRUSTED) == address


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        ({}, PROXY),
        ({"X-Forwarded-For": "192.0.2.1, 10.9.9.9"}, "192.0.2.1"),
        ({"X-Forwarded-For": "10.8.8.8, 10.9.9.9"}, "10.8.8.8"),
        ({"X-Forwarded-For": "unknown, 192.0.2.1"}, "192.0.2.1"),
        ({"X-Forwarded-For": "[2001:db8::1]"}, "2001:db8::1"),
        (
            {"Forwarded": "for=192.0.2.43, FOR=198.51.100.17;by=203.0.113.60;proto=http;host=example.com"},
            "198.51.100.17",
        ),
        ({"Forwarded": 'For="[2001:db8:cafe::17]:4711"'}, "2001:db8:cafe::17"),
        ({"Forwarded": 'for="192.0.2.43:47011"; host="a, b"'}, "192.0.2.43"),
        ({"Forwarded": "for=_hidden, for=192.0.2.43"}, "192.0.2.43"),
        ({"Forwarded": "for=192.0.2.1", "X-Forwarded-For": "192.0.2.9, 192.0.2.1"}, "192.0.2.1"),
    ],
)
def test_headers_of_a_trusted_proxy(headers: dict[str, str], peer: str) -> None:
    assert peer_of(PROXY, headers, TRUSTED) == ip_address(peer)


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"X-Forwarded-For": ""}, "address"),
        ({"X-Forwarded-For": "192.0.2.1,"}, "address"),
        ({"X-Forwarded-For": "unknown"}, "address"),
        ({"X-Forwarded-For": "192.0.2.1 192.0.2.2"}, "address"),
        ({"X-Forwarded-For": "192.0.2.256"}, "address"),
        ({"X-Forwarded-For": "192.0.2.1:123456"}, "address"),
        ({"X-Forwarded-For": "fe80::1%eth0"}, "address"),
        ({"X-Forwarded-For": "gateway.example, 10.0.0.7"}, "address"),
        ({"Forwarded": ""}, "address"),
        ({"Forwarded": "for=unknown"}, "address"),
        ({"Forwarded": "for=192.0.2.1, proto=https"}, "address"),
        ({"Forwarded": "for=192.0.2.1,"}, "RFC 7239"),
        ({"Forwarded": "for=192.0.2.1;for=192.0.2.2"}, "RFC 7239"),
        ({"Forwarded": "for=[2001:db8::1]"}, "RFC 7239"),
        ({"Forwarded": 'for="192.0.2.1'}, "RFC 7239"),
        ({"Forwarded": "for=192.0.2.66", "X-Forwarded-For": "192.0.2.1"}, "different peers"),
    ],
)
def test_headers_that_do_not_say_who(headers: dict[str, str], word: str) -> None:
    with pytest.raises(BadForwardingHeader, match=word):
        peer_of(PROXY, headers, TRUSTED)


@pytest.mark.parametrize(
    ("peer", "networks", "allowed"),
    [
        ("192.0.2.1", (), True),
        ("192.0.2.1", ("192.0.2.0/24",), True),
        ("192.0.3.1", ("192.0.2.0/24",), False),
        ("192.0.2.7", ("2001:db8::/32", "192.0.2.7"), True),
        ("2001:db8::5", ("2001:db8::/32",), True),
        ("2001:db9::5", ("2001:db8::/32", "0.0.0.0/0"), False),
        ("::ffff:192.0.2.1", ("192.0.2.0/24",), True),
        ("192.0.2.1", ("::ffff:192.0.2.0/120",), True),
    ],
)
def test_networks_of_a_key(peer: str, networks: tuple[str, ...], allowed: bool) -> None:
    assert allowed_from(ip_address(peer), networks) is allowed


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=text or "''"):
        network_of(text)


# -- in the API -------------------------------------------------------------------------------------------------------


@pytest.fixture
def behind(make_world: object) -> World:
    """A gateway that trusts the proxy on its own machine and one more."""
    assert callable(make_world)
    world = make_world('[api]\ntrusted_proxies = ["127.0.0.1", "10.0.0.0/8"]\n')
    assert isinstance(world, World)
    return world


@pytest.mark.parametrize("path", ["/v1/messages", "/health/live"])
def test_a_bad_header_of_a_trusted_proxy_is_400(behind: World, path: str) -> None:
    headers = {"X-Forwarded-For": "nobody", "Authorization": f"Bearer {behind.key()}"}
    for remote, status in (("10.0.0.1", 400), ("127.0.0.1", 400), ("192.0.2.9", 200)):
        answer = behind.app.test_client().get(path, headers=headers, environ_base={"REMOTE_ADDR": remote})
        assert answer.status_code == status
        if status == 400:
            assert answer.get_json()["code"] == "bad_forwarding_header"
            assert answer.content_type == "application/problem+json"


def test_health_stays_closed_behind_a_trusted_proxy(behind: World) -> None:
    client = behind.app.test_client()
    assert client.get("/health/live").status_code == 200
    for claimed in ("127.0.0.1", "::1", "192.0.2.7"):
        assert client.get("/health/live", headers={"X-Forwarded-For": claimed}).status_code == 401
        assert client.get("/health/live", headers=Headers({"Forwarded": f'for="[{claimed}]"'})).status_code in (
            400,
            401,
        )
    assert client.get("/health/live", environ_base={"REMOTE_ADDR": "10.0.0.1"}).status_code == 401
