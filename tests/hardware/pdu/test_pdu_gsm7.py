"""The 7-bit alphabets and their packing."""

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import DecodeError, EncodeError
from hardware.pdu import gsm7, transliterate

from .pdu_by_hand import packed

SEPTETS = st.binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets))
DEFAULT_TEXT = st.text("".join(set(gsm7.DEFAULT) - {"\x1b"}) + "".join(gsm7.EXTENSION.values()), max_size=200)
REFERENCE = gsm0338.Codec()


@pytest.mark.parametrize(
    ("text", "septets", "octets"),
    [
        ("hellohello", 10, "E8329BFD4697D9EC37"),
        ("@", 1, "00"),
        ("1234567@", 8, "31D98C56B3DD00"),
        ("€", 2, "9B32"),
        ("\f", 2, "1B05"),
        ("[]", 4, "1BDEC607"),
        ("", 0, ""),
    ],
)
def test_text_is_packed_as_the_standard_says(text: str, septets: int, octets: str) -> None:
    coded = gsm7.encode(text)
    assert len(coded) == septets
    assert gsm7.pack(coded).hex().upper() == octets
    assert gsm7.decode(gsm7.unpack(bytes.fromhex(octets), septets)) == text


@given(SEPTETS, st.integers(0, 6))
def test_packing_agrees_with_a_row_of_bits_and_unpacking_undoes_it(septets: bytes, fill_bits: int) -> None:
    octets = gsm7.pack(septets, fill_bits)
    assert octets.hex().upper() == packed(septets, fill_bits)
    assert gsm7.unpack(octets, len(septets), fill_bits) == septets


def test_too_few_octets_are_refused() -> None:
    with pytest.raises(DecodeError):
        gsm7.unpack(bytes(7), 9)


@given(DEFAULT_TEXT)
def test_default_alphabet_agrees_with_an_independent_codec(text: str) -> None:
    assert gsm7.encode(text) == REFERENCE.encode(text)[0]
    assert gsm7.decode(gsm7.encode(text)) == text


def test_spanish_table_agrees_with_an_independent_codec() -> None:
    spanish = gsm0338.Codec(single_shift_decode_map=gsm0338.SINGLE_SHIFT_CHARACTER_SET_SPANISH)
    for code, char in gsm7.SINGLE[2].items():
        assert spanish.decode(bytes((0x1B, code)))[0] == char


@pytest.mark.parametrize(
    ("locking", "single", "text", "septets"),
    [
        (1, 0, "€ığĞŞşİçÇ", "04070C0B1C1D406009"),
        (0, 1, "ĞİŞçğış", "1B471B491B531B631B671B691B73"),
        (0, 2, "çÁÍÓÚáíóú", "1B091B411B491B4F1B551B611B691B6F1B75"),
        (3, 0, "êúíóçÔôÁáªÇÀ∞^\\€Ó|ÂâÊºÍÃÕÚ~ãõ`", "04060708090B0C0E0F12131415161718191A1C1D1E24405B5C5D607B7C7D"),
        (
            0,
            3,
            "êçÔôÁáÊÀÍÓÚÃÕÂíóúãõâ",
            "1B051B091B0B1B0C1B0E1B0F1B1F1B411B491B4F1B551B5B1B5C1B611B691B6F1B751B7B1B7C1B7F",
        ),
        (3, 3, "ΦΓΩΠΨΣΘ", "1B121B131B151B161B171B181B19"),
    ],
)
def test_national_tables(locking: int, single: int, text: str, septets: str) -> None:
    assert gsm7.encode(text, locking=locking, single=single).hex().upper() == septets
    assert gsm7.decode(bytes.fromhex(septets), locking=locking, single=single) == text


def test_unknown_tables_are_read_as_the_default_and_never_written() -> None:
    assert gsm7.decode(b"\x00\x1b\x65", locking=13, single=9) == "@€"
    with pytest.raises(EncodeError):
        gsm7.encode("a", locking=2)


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        ("1B1B41", " A"),  # escape escape is a space
        ("1B41", "A"),  # an unused code shows the character of the main table
        ("411B", "A"),  # nothing follows
        ("1B651B65", "€€"),
        ("1B1B65", " e"),
    ],
)
def test_escapes_out_of_the_ordinary(septets: str, text: str) -> None:
    assert gsm7.decode(bytes.fromhex(septets)) == text


@pytest.mark.parametrize("char", ["\x1b", "`", "ÿ", "\x00", "\t", "ç", "Α", "😀", "\ud800"])
def test_characters_beyond_the_alphabet_are_refused_with_their_place(char: str) -> None:
    assert gsm7.foreign(f"a{char}b{char}") == (char,)
    with pytest.raises(EncodeError, match="character 2 ") as caught:
        gsm7.encode(f"a{char}")
    assert caught.value.field == "text"


@given(SEPTETS, st.integers(0, 255), st.integers(0, 255))
def test_any_septets_have_a_reading(septets: bytes, locking: int, single: int) -> None:
    gsm7.decode(septets, locking=locking, single=single).encode()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“It’s” – 5 • 10…", '"It\'s" - 5 - 10...'),
        ("Žluťoučký kůň, ação, Łódź", "Zlutoucky kun, acao, Lodz"),
        ("Ваш код", "Ваш код"),
        ("It’s 😀", "It’s 😀"),
        ("καφές Αθήνα", "KAΦEΣ AΘHNA"),
        ("a\u00a0b\u200bc\td\ufeff", "a bc d"),
        ("é ü ñ €", "é ü ñ €"),
        ("™ œuf", "(TM) oeuf"),
        ("e\u0301té", "été"),
    ],
)
def test_transliteration_saves_what_keeps_its_meaning(text: str, plain: str) -> None:
    assert transliterate(text) == plain


@given(st.text())
def test_transliteration_is_all_or_nothing(text: str) -> None:
    replaced = transliterate(text)
    assert replaced == text or not gsm7.foreign(replaced)
