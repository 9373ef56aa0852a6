"""Cutting messages: limits, what is never torn, and that nothing is lost."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardware.errors import DecodeError, EncodeError
from hardware.pdu import (
    Address,
    Alphabet,
    DataCodingScheme,
    InformationElement,
    Segment,
    SubmitPdu,
    UserData,
    UserDataHeader,
    gsm7,
    join_user_data,
    segment,
    segment_data,
)

RECIPIENT = Address.parse("+447700900101")
GSM7_TEXT = st.text("".join(set(gsm7.DEFAULT) - {"\x1b"}) + 20 * "€[]{}|~^\\\f", max_size=700)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
EMOJI_TEXT = st.text("aж😀👩\u200d\u0301🇬🇧👍🏽\ufe0f", max_size=400)


def units(text: str, **options: object) -> list[int]:
    return [part.units for part in segment(text, **options).segments]  # type: ignore[arg-type]  # options vary by case


@pytest.mark.parametrize(
    ("char", "bits", "single", "long"),
    [("x", 8, 160, 153), ("x", 16, 160, 152), ("ж", 8, 70, 67), ("ж", 16, 70, 66)],
)
def test_limits_of_text(char: str, bits: int, single: int, long: int) -> None:
    assert units(char * single, reference_bits=bits) == [single]
    assert units(char * (single + 1), reference_bits=bits) == [long, single + 1 - long]
    assert units(char * 2 * long, reference_bits=bits) == [long, long]
    assert units(char * (2 * long + 1), reference_bits=bits) == [long, long, 1]
    assert units("") == [0]


@pytest.mark.parametrize(
    ("ports", "bits", "single", "long"), [(None, 8, 140, 134), (None, 16, 140, 133), ((1, 2), 8, 133, 128)]
)
def test_limits_of_data(ports: tuple[int, int] | None, bits: int, single: int, long: int) -> None:
    def lengths(size: int) -> list[int]:
        return [p.units for p in segment_data(bytes(size), ports=ports, reference_bits=bits).segments]

    assert lengths(single) == [single]
    assert lengths(single + 1) == [long, single + 1 - long]


@pytest.mark.parametrize(
    ("tables", "text", "single", "long", "long16"),
    [((0, 1), "ş", 154, 148, 148), ((1, 0), "ş", 155, 149, 148), ((1, 1), "ş", 152, 146, 145)],
)
def test_limits_with_national_tables(tables: tuple[int, int], text: str, single: int, long: int, long16: int) -> None:
    width = 2 if tables == (0, 1) else 1
    assert units(text * (single // width), national=tables) == [single]
    assert units(text * (single // width + 1), national=tables)[0] == long
    assert units(text * (single // width + 1), national=tables, reference_bits=16)[0] == long16


def test_national_tables_serve_only_where_they_are_needed() -> None:
    assert segment("plain", national=(1, 1)).segments[0].header is None
    turkish = segment("şifre", national=(0, 1))
    assert turkish.alphabet is Alphabet.GSM7
    assert turkish.segments[0].text == "şifre"
    assert turkish.segments[0].header == UserDataHeader((InformationElement(0x24, b"\x01"),))
    cyrillic = segment("Шş", national=(1, 1))
    assert (cyrillic.alphabet, cyrillic.forcing) == (Alphabet.UCS2, ("Ш",))


def test_characters_that_force_ucs2_are_named_once() -> None:
    cut = segment("Łódź, źródło")
    assert cut.alphabet is Alphabet.UCS2
    assert cut.forcing == ("Ł", "ó", "ź", "ł")
    assert segment("Hello").forcing == segment("Hello", encoding="ucs2").forcing == ()
    assert segment("Hello", encoding="ucs2").alphabet is Alphabet.UCS2


def test_an_extension_character_is_not_torn() -> None:
    assert units("x" * 152 + "€" + "y" * 20) == [152, 22]
    assert units("x" * 151 + "€" + "y" * 20) == [153, 20]


@pytest.mark.parametrize(
    ("cluster", "before", "first"),
    [
        ("😀", 66, 66),  # half a pair would fit
        ("e\u0301", 66, 66),
        ("👍🏽", 65, 65),
        ("🇬🇧", 64, 64),
        ("👩\u200d👩\u200d👧", 62, 62),  # five units stay empty
        ("👩\u200d👩\u200d👧", 60, 66),  # seven would: it is torn, though not inside a pair (60 + 2 + 1 + 2 + 1)
        ("✌\ufe0f", 66, 66),
    ],
)
def test_clusters_go_whole_to_the_next_part_where_that_is_cheap(cluster: str, before: int, first: int) -> None:
    text = "ж" * before + cluster + "ж" * 10
    assert units(text)[0] == first
    assert "".join(part.text or "" for part in segment(text).segments) == text


def test_no_part_is_added_to_keep_clusters_whole() -> None:
    text = "ж" * 66 + "e\u0301" + "ж" * 66
    assert units(text) == [67, 67]


def test_neighbouring_flags_may_be_parted() -> None:
    assert units("🇬🇧" * 40) == [64, 64, 32]


@given(st.one_of(GSM7_TEXT, ANY_TEXT, EMOJI_TEXT), st.sampled_from([8, 16]))
@example("€" * 400, 8)
@example("😀" * 200, 16)
def test_any_text_arrives_as_it_was(text: str, bits: int) -> None:
    cut = segment(text, reference=7, reference_bits=bits)
    parts: list[UserData] = []
    for place, body in enumerate(cut.segments, 1):
        encoded = SubmitPdu(RECIPIENT, body).encode()
        assert encoded.tpdu_length <= 12 + 1 + 140
        read = SubmitPdu.decode(encoded.hex)
        assert read.body == body
        assert read.data_coding is not None
        parts.append(UserData(read.data_coding, read.body.header, read.body.content, 0))
        assert body.text == parts[-1].text
        assert not parts[-1].lone_surrogate
        assert body.content[-1:] != b"\x1b" or body.alphabet is Alphabet.UCS2
        if len(cut.segments) > 1:
            assert body.concatenation is not None
            assert (body.concatenation.total, body.concatenation.sequence) == (len(cut.segments), place)
    assert join_user_data(parts) == "".join(part.text or "" for part in parts) == text


@given(st.binary(max_size=600), st.sampled_from([None, (2948, 9200)]))
def test_any_octets_arrive_as_they_were(data: bytes, ports: tuple[int, int] | None) -> None:
    parts = []
    for body in segment_data(data, ports=ports, message_class=1).segments:
        read = SubmitPdu.decode(SubmitPdu(RECIPIENT, body).encode().hex)
        assert (read.data_coding, read.body.message_class) == (DataCodingScheme(0x15), 1)
        parts.append(UserData(DataCodingScheme(4), read.body.header, read.body.content, 0))
        assert parts[-1].ports == (None if ports is None else parts[-1].ports)
        if ports is not None and parts[-1].ports is not None:
            assert (parts[-1].ports.destination, parts[-1].ports.source) == ports
    assert join_user_data(parts) == data


@pytest.mark.parametrize(
    ("text", "options", "field"),
    [
        ("ж", {"encoding": "gsm7"}, "text"),
        ("a\ud83d", {}, "text"),
        ("a", {"encoding": "utf8"}, "encoding"),
        ("x" * (255 * 153 + 1), {}, "parts"),
        ("ж" * 1_000_000, {}, "parts"),
        ("😀" * (255 * 33 + 1), {}, "parts"),
        ("x" * 161, {"reference": 256}, "concatenation"),
        ("x", {"reference": -1}, "concatenation"),
        ("x" * 161, {"reference": 65536, "reference_bits": 16}, "concatenation"),
        ("x" * 161, {"reference_bits": 12}, "concatenation"),
        ("a", {"message_class": 4}, "message_class"),
        ("ş", {"national": (9, 9)}, "national"),
    ],
)
def test_what_cannot_be_cut_is_refused(text: str, options: dict[str, object], field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        units(text, **options)
    assert caught.value.field == field


def test_255_parts_are_the_most() -> None:
    assert units("x" * 255 * 153) == [153] * 255
    assert segment("😀" * 255 * 33).segments[-1].concatenation is not None


@given(st.one_of(GSM7_TEXT, ANY_TEXT), st.sampled_from([None, 0, 1, 2, 3]))
def test_stored_segments_come_back(text: str, message_class: int | None) -> None:
    for body in segment(text, message_class=message_class).segments:
        assert Segment.from_bytes(body.to_bytes()) == body


def test_the_stored_form_does_not_change() -> None:
    body = segment("@€", message_class=0).segments[0]
    assert body.to_bytes().hex() == "010100001b65"
    long = segment("ж" * 71, reference=9).segments[1]
    assert long.to_bytes().hex() == "012006" + "050003090202" + "0436" * 4


@given(st.binary(max_size=40))
def test_other_octets_are_no_stored_segment(stored: bytes) -> None:
    with suppress(DecodeError):
        assert Segment.from_bytes(stored).to_bytes() == stored


def test_reference_is_changed_without_cutting_again() -> None:
    first, second = segment("x" * 200, reference=1, reference_bits=16).segments
    assert first.with_reference(65535) == segment("x" * 200, reference=65535, reference_bits=16).segments[0]
    assert second.with_reference(1) == second
    alone = segment("x").segments[0]
    assert alone.with_reference(5) is alone
    with pytest.raises(EncodeError):
        first.with_reference(65536)


def test_no_text_is_shown_in_a_representation() -> None:
    cut = segment("code 123456 " * 20)
    assert "123456" not in repr(cut) + repr(cut.segments[0])
