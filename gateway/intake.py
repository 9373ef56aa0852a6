"""What every way in calls to send: number, limits, text, parts, outbox, wake."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.config import MESSAGE_LIFETIME, OTP_LIFETIME, Config
from gateway.directory import home_prefix
from gateway.limits import Destinations
from gateway.messages import Lane, Message, NewMessage, Secret
from gateway.numbers import Destination, NotANumber, destination
from gateway.once import Once
from gateway.quantities import written as in_words
from gateway.refusals import FieldError, Forbidden, InvalidInput, Unavailable
from gateway.requests import OtpRequest, PreviewRequest, SendRequest, context_errors
from gateway.store import Store
from gateway.texts import Order, Texts, spelled
from hardware.clock import Clock, Instant
from hardware.errors import EncodeError
from hardware.pdu import Alphabet, Segmentation, segment, segment_data

LANES = {"otp": Lane.OTP, "high": Lane.HIGH, "normal": Lane.NORMAL, "bulk": Lane.BULK}
LATEST_START = 365 * 86_400.0
"""Seconds into the future that `not_before` may lie."""
RETRY_WHEN_FULL = 30.0
ENCODINGS = {Alphabet.GSM7: "gsm7", Alphabet.UCS2: "ucs2", Alphabet.OCTETS: "data"}

Wake = Callable[[str, Lane], None]
"""Tells the modems that a message of that lane waits in that queue."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent."""

    text: Secret
    encoding: str
    parts: int
    forcing: tuple[str, ...]
    """Characters that force UCS-2."""
    to: str | None
    country: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """Content that is ready to be queued."""

    text: Secret | None
    segments: tuple[bytes, ...] = field(repr=False)
    encoding: str
    warnings: tuple[str, ...] = ()


class Intake:
    """Checks and queues messages. Thread-safe."""

    def __init__(self, store: Store, config: Config, clock: Clock, wake: Wake) -> None:
        gateway = config.gateway
        self._store, self._config, self._clock, self._wake = store, config, clock, wake
        self._home = gateway.country
        self._destinations = Destinations(config.allowed_countries)
        self._read_number = lru_cache(maxsize=4096)(destination)
        self._modems = frozenset(modem.name for modem in config.modem)
        self._prefixes = tuple({prefix for modem in config.modem for prefix in modem.prefixes})
        self._references = itertools.count(secrets.randbelow(256))
        self.texts = Texts(
            gateway.organisation, gateway.country, gateway.timezone, config.otp.locale, config.otp.templates
        )
        self.warm_up()

    def warm_up(self) -> None:
        """Load what the first request would otherwise wait for: number metadata, locale data, tables."""
        self._read_number("+447700900123", self._home)
        segment("warm")
        self.texts.compose(Order("login"), Secret("000000"), 0.0, 0.0)

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(self, request: SendRequest, client: str, once: Once[list[Message]] | None = None) -> list[Message]:
        """Queue a message to each recipient, all of them or none; returns once they are on disk.

        Raises InvalidInput, Forbidden or Unavailable; Replay and Conflict where `once` knows the request.
        """
        now = self._clock.now()
        if once is not None:
            once.replay(now)
        self.must_accept()
        lane = LANES[request.priority]
        to = self._checked(request, lane, now)
        body = self._body(request)
        messages = [self._new_message(request, client, lane, one, body, now) for one in to]
        return self.queue(messages, now, once)

    def queue(self, new: list[NewMessage], now: Instant, once: Once[list[Message]] | None) -> list[Message]:
        """Store messages in one transaction, then wake the modems for them."""
        outbox = self._store.outbox

        def transaction(cx: sqlite3.Connection) -> list[Message]:
            if once is not None:
                once.before(cx, now)
            queued = [outbox.enqueue(cx, message, now) for message in new]
            if once is not None:
                once.after(cx, queued, now)
            return queued

        messages = self._store.database.accept(transaction)
        self.wake({message.route: message.lane for message in new})
        return messages

    def wake(self, queues: dict[str, Lane]) -> None:
        """Tell the modems that something waits in each of `queues`, and how urgent it is."""
        for queue, lane in queues.items():
            self._wake(queue, lane)

    def must_accept(self) -> None:
        """Raise Unavailable while the disk is near full or too many messages wait."""
        if not self._store.database.accepting():
            raise Unavailable("the disk is nearly full: nothing is accepted", RETRY_WHEN_FULL, "disk_full")
        if self._store.outbox.queue_depth() >= self._config.limits.max_queued:
            raise Unavailable("too many messages wait already: none is accepted", RETRY_WHEN_FULL, "queue_full")

    def destinations(self, written_numbers: str | tuple[str, ...]) -> list[Destination]:
        """Read and check every number; errors name each one. Raises InvalidInput, else Forbidden."""
        many = not isinstance(written_numbers, str)
        numbers = (written_numbers,) if isinstance(written_numbers, str) else written_numbers
        found: list[Destination] = []
        invalid: list[FieldError] = []
        denied: list[FieldError] = []
        code = ""
        for place, number in enumerate(numbers):
            name = f"to[{place}]" if many else "to"
            try:
                to = self._read_number(number, self._home)
            except NotANumber as error:
                invalid.append(FieldError(name, str(error)))
                continue
            if denial := self._destinations.check(to):
                code = code or denial.code
                denied.append(FieldError(name, denial.message))
            found.append(to)
        if invalid:
            raise InvalidInput(invalid + denied)
        if denied:
            raise Forbidden(f"{denied[0].field}: {denied[0].message}", code, denied)
        return found

    def number(self, written: str, name: str) -> str:
        """A number from a query, in the form it is stored in; raises InvalidInput naming the field."""
        if written.startswith(" "):  # a raw + in a query string arrives as a space
            written = f"+{written[1:]}"
        try:
            return self._read_number(written, self._home).number
        except NotANumber as error:
            raise InvalidInput.of(name, str(error)) from None

    def route(self, number: str, modem: str | None) -> str:
        """The queue that a message to `number` waits in."""
        return f"modem:{modem}" if modem else f"route:{home_prefix(number, self._prefixes)}"

    def body(self, text: Secret, segmentation: Segmentation, warnings: tuple[str, ...]) -> Body:
        """Text that is segmented already, ready to be queued; raises InvalidInput where it has too many parts."""
        return self._fitting(text, segmentation, "text", warnings)

    def reference(self) -> int:
        """A concatenation reference (23.040 9.2.3.24.1); they follow each other, so that no two near ones are equal."""
        return next(self._references) % 256

    # -- previews -----------------------------------------------------------------------------------------------------

    def preview(self, request: PreviewRequest) -> Preview:
        """What a message or a code's text would look like; nothing is stored. Raises InvalidInput, Forbidden."""
        to = self.destinations(request.to)[0] if request.to is not None else None
        if request.text is not None:
            segmentation = self._segmented(request.text, request.encoding)
            text, warnings = request.text, forcing_warning(segmentation)
        else:
            text, segmentation, warnings = self._code_preview(request)
        body = self.body(text, segmentation, warnings)
        return Preview(
            text=text,
            encoding=body.encoding,
            parts=len(body.segments),
            forcing=segmentation.forcing,
            to=to.number if to else None,
            country=to.region if to else None,
            warnings=(*(to.warnings if to else ()), *warnings),
        )

    def check_code_text(self, request: OtpRequest | PreviewRequest) -> None:
        """Whether a code's text can be made of a request; raises InvalidInput."""
        problems = context_errors(request.purpose, request.template, request.context)
        wrong = [FieldError(name, message) for name, message in problems]
        low, high = OTP_LIFETIME
        if request.lifetime is not None and not low <= request.lifetime <= high:
            wrong.append(FieldError("lifetime", f"from {in_words(low)} to {in_words(high)}"))
        if wrong:
            raise InvalidInput(wrong)

    def _code_preview(self, request: PreviewRequest) -> tuple[Secret, Segmentation, tuple[str, ...]]:
        self.check_code_text(request)
        now = self._clock.now().wall
        placeholder = Secret("0" * (request.length or self._config.otp.length))
        lifetime = request.lifetime or self._config.otp.lifetime
        composed = self.texts.compose(order_of(request), placeholder, now, now + lifetime)
        return composed.text, composed.segmentation, composed.warnings

    # -- parts --------------------------------------------------------------------------------------------------------

    def _checked(self, request: SendRequest, lane: Lane, now: Instant) -> list[Destination]:
        """Where the message goes; raises InvalidInput with everything that is wrong with the request."""
        wrong = self._option_errors(request, lane, now)
        try:
            to = self.destinations(request.to)
        except InvalidInput as error:
            raise InvalidInput(error.errors + wrong) from None
        if wrong:
            raise InvalidInput(wrong)
        return to

    def _option_errors(self, request: SendRequest, lane: Lane, now: Instant) -> list[FieldError]:
        wrong: list[FieldError] = []
        if request.lifetime is not None:
            low, high = OTP_LIFETIME if lane is Lane.OTP else MESSAGE_LIFETIME
            if not low <= request.lifetime <= high:
                wrong.append(FieldError("lifetime", f"from {in_words(low)} to {in_words(high)}"))
        if request.not_before is not None and request.not_before.timestamp() > now.wall + LATEST_START:
            wrong.append(FieldError("not_before", f"at most {in_words(LATEST_START)} from now"))
        if request.modem is not None and request.modem not in self._modems:
            wrong.append(FieldError("modem", f"no such modem; there are: {', '.join(sorted(self._modems))}"))
        return wrong + _content_errors(request)

    def _body(self, request: SendRequest) -> Body:
        if request.data is not None:
            try:
                segmentation = segment_data(request.data, ports=(request.port or 0, 0))
            except EncodeError as error:
                raise InvalidInput.of("data", error.reason) from None
            return self._fitting(None, segmentation, "data")
        text = request.text or Secret("")
        segmentation = self._segmented(text, request.encoding)
        return self.body(text, segmentation, forcing_warning(segmentation))

    def _fitting(
        self, text: Secret | None, segmentation: Segmentation, name: str, warnings: tuple[str, ...] = ()
    ) -> Body:
        parts, most = len(segmentation.segments), self._config.messages.max_parts
        if parts > most:
            raise InvalidInput.of(name, f"needs {parts} parts; at most {most} are sent")
        octets = tuple(one.to_bytes() for one in segmentation.segments)
        return Body(text, octets, ENCODINGS[segmentation.alphabet], warnings)

    def _segmented(self, text: Secret, encoding: str) -> Segmentation:
        try:
            segmentation = segment(text.reveal(), encoding="ucs2" if encoding == "ucs2" else "auto")
        except EncodeError as error:
            raise InvalidInput.of("text", error.reason) from None
        if encoding == "gsm7" and segmentation.forcing:
            raise InvalidInput.of("text", f"the GSM 7-bit alphabet lacks {spelled(segmentation.forcing)}")
        return segmentation

    def _new_message(
        self, request: SendRequest, client: str, lane: Lane, to: Destination, body: Body, now: Instant
    ) -> NewMessage:
        otp = self._config.otp
        start = request.not_before.timestamp() if request.not_before else None
        default_lifetime = otp.lifetime if lane is Lane.OTP else self._config.messages.lifetime
        return NewMessage(
            client=client,
            to=to.number,
            country=to.region,
            lane=lane,
            lifetime=default_lifetime if request.lifetime is None else request.lifetime,
            text=body.text,
            segments=body.segments,
            encoding=body.encoding,
            concat_reference=self.reference(),
            route=self.route(to.number, request.modem),
            report=request.report,
            replace=request.replace,
            flash=request.flash,
            silent=request.silent,
            on_unknown=otp.on_unknown if lane is Lane.OTP else self._config.messages.on_unknown,
            not_before=start if start is not None and start > now.wall else None,
            modem=request.modem,
            client_ref=request.client_ref,
            tags=request.tags,
            warnings=(*to.warnings, *body.warnings),
        )


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


def _content_errors(request: SendRequest) -> list[FieldError]:
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
    if request.silent and request.replace is not None:
        wrong.append(FieldError("replace", "a silent message replaces nothing"))
    return wrong
