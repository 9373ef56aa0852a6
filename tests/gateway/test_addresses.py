"""Which addresses a webhook may be sent to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import Reach, allowed_networks, parse, reach, refusal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700:4700::1111", Reach.PUBLIC),
        ("127.0.0.1", Reach.PRIVATE),
        ("127.255.255.254", Reach.PRIVATE),
        ("10.0.0.1", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("169.254.169.254", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("192.0.0.8", Reach.PRIVATE),
        ("192.0.2.1", Reach.PRIVATE),
        ("192.88.99.1", Reach.PRIVATE),
        ("198.18.0.1", Reach.PRIVATE),
        ("0.0.0.0", Reach.NEVER),
        ("0.1.2.3", Reach.NEVER),
        ("224.0.0.1", Reach.NEVER),
        ("240.0.0.1", Reach.NEVER),
        ("255.255.255.255", Reach.NEVER),
        ("::1", Reach.PRIVATE),
        ("::", Reach.NEVER),
        ("ff02::1", Reach.NEVER),
        ("fe80::1", Reach.PRIVATE),
        ("fe80::1%eth0", Reach.PRIVATE),
        ("fec0::1", Reach.PRIVATE),
        ("fc00::1", Reach.PRIVATE),
        ("fd12:3456::1", Reach.PRIVATE),
        ("::ffff:127.0.0.1", Reach.PRIVATE),
        ("::ffff:8.8.8.8", Reach.PUBLIC),
        ("::ffff:0.0.0.0", Reach.NEVER),
        ("::ffff:0:127.0.0.1", Reach.PRIVATE),
        ("::127.0.0.1", Reach.PRIVATE),
        ("64:ff9b::127.0.0.1", Reach.PRIVATE),
        ("64:ff9b::8.8.8.8", Reach.PRIVATE),
        ("64:ff9b:1::10.0.0.1", Reach.PRIVATE),
        ("2002:7f00:1::", Reach.PRIVATE),
        ("2002:808:808::", Reach.PRIVATE),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Reach.PRIVATE),
        ("2606:4700::5efe:10.0.0.1", Reach.PRIVATE),
        ("2606:4700::200:5efe:10.0.0.1", Reach.PRIVATE),
        ("2001:db8::1", Reach.PRIVATE),
        ("3fff::1", Reach.PRIVATE),
        ("100::1", Reach.PRIVATE),
    ],
)
def test_how_far_an_address_reaches(text: str, expected: Reach) -> None:
    address = parse(text)
    assert address is not None
    assert reach(address) is expected


@given(st.ip_addresses())
def test_what_python_calls_special_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    special = (
        *(address.is_private, address.is_loopback, address.is_link_local, address.is_multicast),
        *(address.is_reserved, address.is_unspecified, not address.is_global),
    )
    if any(special) and getattr(address, "ipv4_mapped", None) is None:
        assert reach(address) is not Reach.PUBLIC


@pytest.mark.parametrize("text", ["127.1", "0x7f000001", "2130706433", "017700000001", "localhost", "", "1.2.3.4.5"])
def test_other_ways_to_write_an_address_are_left_to_the_resolver(text: str) -> None:
    assert parse(text) is None


def test_private_addresses_are_allowed_where_they_were_named() -> None:
    inside, outside = parse("10.1.2.3"), parse("10.2.0.1")
    assert inside is not None
    assert outside is not None
    networks = allowed_networks(["10.1.0.0/16", "hooks.intra.example"])
    assert refusal(inside, networks) == ""
    assert "10.2.0.1 is a private address" in refusal(outside, networks)
    assert refusal(outside, (), named=True) == ""


@pytest.mark.parametrize("text", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::"])
def test_nothing_makes_an_address_that_is_none_of_a_machine_allowed(text: str) -> None:
    address = parse(text)
    assert address is not None
    assert refusal(address, allowed_networks(["0.0.0.0/0", "::/0"]), named=True)


def test_clear_text_stays_in_private_networks() -> None:
    public, private = parse("8.8.8.8"), parse("10.1.2.3")
    assert public is not None
    assert private is not None
    assert "use https" in refusal(public, (), clear_text=True)
    assert refusal(public, ()) == ""
    assert refusal(private, allowed_networks(["10.1.2.3"]), clear_text=True) == ""
