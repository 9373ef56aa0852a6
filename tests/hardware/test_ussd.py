"""USSD answers in the forms in which modems give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import MalformedResponse
from hardware.pdu import gsm7
from hardware.ussd import decode, pack, parse_ussd


def ucs2(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


@pytest.mark.parametrize(
    ("line", "mode", "text", "scheme"),
    [
        ('+CUSD: 0,"Balance 5.00",15', 0, "Balance 5.00", 15),
        ('+CUSD:1,"a "quoted" word",15', 1, 'a "quoted" word', 15),
        ('+CUSD: 1,"two\nlines, one comma"', 1, "two\nlines, one comma", None),
        (f'+CUSD: 0,"{ucs2("Баланс 5")}",72', 0, "Баланс 5", 72),
        (f'+CUSD: 0,"{ucs2("Saldo é 5")}",15', 0, "Saldo é 5", 15),
        (f"+CUSD: 0,{ucs2('Saldo')},72", 0, "Saldo", 72),
        (f'+CUSD: 2,"{ucs2("Solde") + "0000FFFF60B1"}",72', 2, "Solde", 72),
        (f'+CUSD: 0,"6139{ucs2("رصيد")}",17', 0, "رصيد", 17),
        (f'+CUSD: 0,"{ucs2("No prefix")}",17', 0, "No prefix", 17),
        ('+CUSD: 0,"53616C646F",68', 0, "Saldo", 68),
        ("+CUSD: 4", 4, None, None),
        ("+CUSD: 2,,", 2, None, None),
        ('+CUSD: 0,"447700900123",15', 0, "447700900123", 15),
        ('+CUSD: 0,"cut off', 0, "cut off", None),
    ],
)
def test_answers(line: str, mode: int, text: str | None, scheme: int | None) -> None:
    read = parse_ussd(line)
    assert (read.mode, read.text, read.data_coding) == (mode, text, scheme)


@pytest.mark.parametrize("text", ["Your balance is 5.00", "1234567 8", "Saldo: 12€", "abcdefg", "abcdefgh"])
@pytest.mark.parametrize("scheme", [None, 15, 0])
def test_packed_answers(text: str, scheme: int | None) -> None:
    assert decode(pack(text), scheme) == text


def test_a_code_for_modems_that_want_it_packed() -> None:
    assert pack("*100#") == gsm7.pack(gsm7.encode("*100#")).hex().upper()
    assert len(pack("*10000#")) == 14
    assert bytes.fromhex(pack("*10000#"))[-1] >> 1 == 0x0D  # the seven spare bits are a CR, not an @


@pytest.mark.parametrize("line", ["+CUSD:", "+CUSD: x", "+CSQ: 1,2", ""])
def test_what_is_none(line: str) -> None:
    with pytest.raises(MalformedResponse):
        parse_ussd(line)


def test_no_text_in_a_repr() -> None:
    assert "secret" not in repr(parse_ussd('+CUSD: 0,"secret",15'))


@given(said=st.text(max_size=40) | st.binary(max_size=40).map(bytes.hex), scheme=st.none() | st.integers(0, 255))
def test_every_string_has_a_text(said: str, scheme: int | None) -> None:
    assert isinstance(decode(said, scheme), str)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('+CUSD: 0,"Balance: \x0110.00",15', "Balance: £10.00"),
        ('+CUSD: 0,"\x1be 5,00 \x02",15', "€ 5,00 $"),
        ('+CUSD: 1,"1 Saldo\r\n2 $_@",15', "1 Saldo\r\n2 $_@"),
    ],
)
def test_characters_of_the_gsm_alphabet_are_read_as_they_are_written(line: str, text: str) -> None:
    assert parse_ussd(line).text == text
