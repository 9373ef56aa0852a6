"""What a claimed attempt becomes on the air."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.messages import AttemptKind, ClaimedAttempt, Lane
from gateway.submission import submit_pdu
from hardware.pdu import Alphabet, DataCodingScheme, SubmitPdu, segment, segment_data

GSM7, UCS2 = segment("hello"), segment("привет")
OCTETS = segment_data(b"\x00\xff", ports=(2948, 0))
ATTEMPT = ClaimedAttempt(
    id=1,
    message_id="m",
    part=1,
    parts=1,
    lane=Lane.NORMAL,
    kind=AttemptKind.FIRST,
    to="+447700900101",
    segment=GSM7.segments[0].to_bytes(),
    concat_reference=0,
    expires_boot=4000.0,
    report=True,
    replace=None,
    silent=False,
    message_class=None,
    number=1,
)


def on_air(attempt: ClaimedAttempt) -> SubmitPdu:
    """As the network reads it."""
    return SubmitPdu.decode(submit_pdu(attempt, 1000.0).encode().hex)


def coding(attempt: ClaimedAttempt) -> DataCodingScheme:
    decoded = on_air(attempt).data_coding
    assert decoded is not None
    return decoded


@pytest.mark.parametrize("content", [GSM7, UCS2, OCTETS])
@pytest.mark.parametrize("message_class", [None, 0])
def test_a_flash_message_has_its_class_in_every_alphabet(content: object, message_class: int | None) -> None:
    attempt = replace(ATTEMPT, segment=content.segments[0].to_bytes(), message_class=message_class)
    scheme = coding(attempt)
    assert (scheme.alphabet, scheme.message_class) == (content.alphabet, message_class)


def test_the_class_stays_away_where_the_network_refused_it() -> None:
    scheme = coding(replace(ATTEMPT, message_class=0, without=frozenset({"class"})))
    assert (scheme.value, scheme.alphabet) == (0, Alphabet.GSM7)


def test_other_options_stay_away_where_the_network_refused_them() -> None:
    full = on_air(replace(ATTEMPT, replace=3))
    assert (full.protocol_identifier, full.validity is None) == (0x43, False)
    less = on_air(replace(ATTEMPT, replace=3, without=frozenset({"pid", "validity"})))
    assert (less.protocol_identifier, less.validity) == (0, None)
