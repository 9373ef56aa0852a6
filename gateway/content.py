"""What a message says, ready to be queued: text and data in segments, and what is wrong with them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gateway.messages import NewMessage, Secret
from gateway.policy import Delivery, number_in_front
from gateway.refusals import FieldError, InvalidInput
from gateway.requests import OtpRequest, PreviewRequest, SendRequest
from gateway.texts import Order, spelled
from hardware.errors import EncodeError
from hardware.pdu import Alphabet, Segmentation, segment, segment_data

ENCODINGS = {Alphabet.GSM7: "gsm7", Alphabet.UCS2: "ucs2", Alphabet.OCTETS: "data"}


@dataclass(frozen=True, slots=True)
class Body:
    """Content that is ready to be queued."""

    text: Secret | None
    segments: tuple[bytes, ...] = field(repr=False)
    encoding: str
    warnings: tuple[str, ...] = ()
    code: Secret | None = None
    """The code in the text, where it is known."""


def fitting(
    text: Secret | None,
    segmentation: Segmentation,
    name: str,
    most: int,
    warnings: tuple[str, ...] = (),
    code: Secret | None = None,
) -> Body:
    """Content of at most `most` parts; raises InvalidInput naming the field for more."""
    parts = len(segmentation.segments)
    if parts > most:
        raise InvalidInput.of(name, f"needs {parts} parts; at most {most} are sent")
    octets = tuple(one.to_bytes() for one in segmentation.segments)
    return Body(text, octets, ENCODINGS[segmentation.alphabet], warnings, code)


def body_of(request: SendRequest, most: int) -> Body:
    """The content of a request; raises InvalidInput."""
    if request.data is not None:
        try:
            segmentation = segment_data(request.data, ports=(request.port or 0, 0))
        except EncodeError as error:
            raise InvalidInput.of("data", error.reason) from None
        return fitting(None, segmentation, "data", most)
    text = request.text or Secret("")
    segmentation = segmented(text, request.encoding)
    return fitting(text, segmentation, "text", most, forcing_warning(segmentation))


def redirected(new: NewMessage, handset: str, route: str, most: int) -> NewMessage:
    """The message as it goes to `handset`: whom it was for in front of its text, octets and silent ones as they are.

    Raises InvalidInput where that takes more parts than are sent.
    """
    elsewhere = replace(new, delivery=int(Delivery.REDIRECT), sent_to=handset, route=route)
    if new.text is None or new.silent:
        return elsewhere
    text = Secret(number_in_front(new.to) + new.text.reveal())
    body = fitting(text, segmented(text, new.encoding), "text", most)
    return replace(elsewhere, text=text, segments=body.segments)


def segmented(text: Secret, encoding: str) -> Segmentation:
    """Text in segments; raises InvalidInput where the encoding that is asked for lacks a character."""
    try:
        segmentation = segment(text.reveal(), encoding="ucs2" if encoding == "ucs2" else "auto")
    except EncodeError as error:
        raise InvalidInput.of("text", error.reason) from None
    if encoding == "gsm7" and segmentation.forcing:
        raise InvalidInput.of("text", f"the GSM 7-bit alphabet lacks {spelled(segmentation.forcing)}")
    return segmentation


def order_of(request: OtpRequest | PreviewRequest) -> Order:
    """What a code's text is to say, from a request."""
    context = request.context
    return Order(
        template=request.template or request.purpose or "custom",
        locale=request.locale,
        operation=context.operation if context else None,
        payee=context.payee if context else None,
        amount=context.amount if context else None,
        currency=context.currency if context else None,
        reference=context.reference if context else None,
        webotp_domain=request.webotp_domain,
        app_hash=request.app_hash,
        transaction=request.purpose == "transaction",
    )


def forcing_warning(segmentation: Segmentation) -> tuple[str, ...]:
    """Says which characters made a text take UCS-2, where that costs parts."""
    if not segmentation.forcing or len(segmentation.segments) < 2:
        return ()
    return (f"text: {spelled(segmentation.forcing)} forces UCS-2: {len(segmentation.segments)} parts",)


def content_errors(request: SendRequest) -> list[FieldError]:
    """Whether text, data, port and the kinds of message go together."""
    wrong = []
    if request.data is None:
        if request.text is None and not request.silent:
            wrong.append(FieldError("text", "is missing"))
        elif request.text is not None and not request.text.reveal() and not request.silent:
            wrong.append(FieldError("text", "is empty"))
        if request.port is not None:
            wrong.append(FieldError("port", "goes with data"))
    else:
        if request.text is not None:
            wrong.append(FieldError("text", "give either text or data"))
        if request.port is None:
            wrong.append(FieldError("port", "is missing: data goes to a port"))
        if request.encoding != "auto":
            wrong.append(FieldError("encoding", "belongs to text, not to data"))
    if request.flash and request.priority == "otp":
        wrong.append(FieldError("flash", "a handset does not keep a flash message, nor fill a code in from it"))
    if request.silent and request.replace is not None:
        wrong.append(FieldError("replace", "a silent message replaces nothing"))
    return wrong
