"""From a claimed attempt to an SMS-SUBMIT, and from what the modem answered to a verdict. Pure."""

from __future__ import annotations

from gateway.messages import ClaimedAttempt, Refusal
from hardware.at.results import ErrorClass
from hardware.errors import CommandRejected
from hardware.pdu import (
    SHORT_MESSAGE_TYPE_0,
    Address,
    DataCodingScheme,
    RelativeValidity,
    Segment,
    SubmitPdu,
    replace_short_message,
)

ROUNDING = 5.0  # seconds by which TP-VP may exceed the remaining lifetime, so that a full 5 minutes stay one step


def submit_pdu(attempt: ClaimedAttempt, now_boot: float) -> SubmitPdu:
    """The SMS-SUBMIT for one attempt; TP-VP comes from what is left of the lifetime at `now_boot` (seconds)."""
    segment = Segment.from_bytes(attempt.segment).with_reference(attempt.concat_reference)
    remaining = attempt.expires_boot - now_boot
    return SubmitPdu(
        destination=Address.parse(attempt.to),
        body=segment,
        data_coding=DataCodingScheme.of(
            segment.alphabet, None if "class" in attempt.without else attempt.message_class
        ),
        protocol_identifier=0 if "pid" in attempt.without else _protocol_identifier(attempt),
        validity=None if "validity" in attempt.without else RelativeValidity.at_most(remaining + ROUNDING),
        status_report_request=attempt.report,
    )


def _protocol_identifier(attempt: ClaimedAttempt) -> int:
    if attempt.silent:
        return SHORT_MESSAGE_TYPE_0
    return replace_short_message(attempt.replace) if attempt.replace else 0


def refusal_of(error: CommandRejected, error_class: ErrorClass) -> Refusal:
    """What the modem said, with the class that its driver gives it."""
    return Refusal(error_class.value, str(error).partition(" refused: ")[2] or str(error), error.code)
