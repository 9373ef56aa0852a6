"""What every way in calls to send: number, limits, text, parts, outbox, wake."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.admission import Admission
from gateway.codes import code_in
from gateway.config import MESSAGE_LIFETIME, OTP_LIFETIME, Config
from gateway.content import Body, body_of, content_errors, fitting, forcing_warning, order_of, redirected, segmented
from gateway.directory import home_prefix
from gateway.messages import CATCH, Lane, Message, NewMessage, Secret
from gateway.numbers import Destination
from gateway.once import Once, Replay
from gateway.policy import Caller, Delivery, number_in_front
from gateway.quantities import written as in_words
from gateway.refusals import FieldError, Forbidden, InvalidInput, RefusedError
from gateway.requests import OtpRequest, PreviewRequest, SendRequest, context_errors
from gateway.store import Block, Prepared, Store
from gateway.texts import Order, Texts, zone_of
from hardware.clock import Clock, Instant
from hardware.pdu import Segmentation, segment

LANES = {"otp": Lane.OTP, "high": Lane.HIGH, "normal": Lane.NORMAL, "bulk": Lane.BULK}
LATEST_START = 365 * 86_400.0
"""Seconds into the future that `not_before` may lie."""

Wake = Callable[[str, Lane, int], None]
"""Tells the modems that so many messages of that lane wait in that queue."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request's messages on their way into the outbox."""

    messages: list[Prepared]
    now: Instant
    once: Once[list[Message]] | None
    many: bool


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


class Intake:
    """Checks and queues messages. Thread-safe."""

    def __init__(self, store: Store, config: Config, clock: Clock, admission: Admission, wake: Wake) -> None:
        gateway = config.gateway
        self._store, self._config, self._clock, self._wake = store, config, clock, wake
        self.admission = admission
        self._modems = frozenset(modem.name for modem in config.modem)
        self._prefixes = tuple({prefix for modem in config.modem for prefix in modem.prefixes})
        self._references = itertools.count(secrets.randbelow(256))
        self.texts = Texts(
            gateway.organisation, gateway.country, gateway.timezone, config.otp.locale, config.otp.templates
        )
        self._zone = zone_of(gateway.timezone)
        self.warm_up()

    def warm_up(self) -> None:
        """Load what the first request would otherwise wait for: number metadata, locale data, tables."""
        self.admission.warm_up()
        segment("warm")
        self.texts.compose(Order("login"), Secret("000000"), 0.0, 0.0)

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(self, request: SendRequest, caller: Caller, once: Once[list[Message]] | None = None) -> list[Message]:
        """Queue a message to each recipient, all of them or none; returns once they are on disk.

        Raises InvalidInput, Forbidden, TooMany or Unavailable; Replay and Conflict where `once` knows the request.
        """
        now = self._clock.now()
        if once is not None:
            once.replay(now)
        self.admission.must_accept()
        lane = LANES[request.priority]
        to = self._checked(request, caller, lane, now)
        body = body_of(request, self._config.messages.max_parts)
        if caller.policy.delivery is Delivery.CATCH and body.text is not None:  # here: nobody waits for it
            found = code_in(body.text.reveal())
            body = replace(body, code=None if found is None else Secret(found))
        messages = [self._new_message(request, caller, lane, one, body, now) for one in to]
        with self.admission.guard.messages(len(messages), caller, now):
            return self.queue(messages, now, once, many=not isinstance(request.to, str))

    def queue(
        self, new: list[NewMessage], now: Instant, once: Once[list[Message]] | None, *, many: bool
    ) -> list[Message]:
        """Store messages in one transaction, then wake the modems for them; `many`: how errors name the recipients."""
        asked = _Asked(self._store.outbox.prepared(new, now), now, once, many)
        return self._store.database.accept_together(self._together, asked)

    def _together(self, cx: sqlite3.Connection, asked: Sequence[_Asked]) -> list[list[Message] | Exception]:
        """Store the messages of every request that waits, but of those that are refused."""
        blocks = self.admission.blocks(cx, (message.new for one in asked for message in one.messages))
        refused = [self._refused(cx, one, blocks) for one in asked]
        taken = [one for one, why in zip(asked, refused, strict=True) if why is None]
        if taken:
            stored = [message for one in taken for message in one.messages]
            # Before anybody counts them.
            self._store.database.after_commit(lambda: self.wake((one.new.route, one.new.lane) for one in stored))
            self._store.outbox.put(cx, stored)
        answers = {id(one): [message.message for message in one.messages] for one in taken}
        for one in taken:
            if one.once is not None:
                one.once.after(cx, answers[id(one)], one.now)
        return [why or answers[id(one)] for one, why in zip(asked, refused, strict=True)]

    def _refused(self, cx: sqlite3.Connection, one: _Asked, blocks: dict[str, Block]) -> Exception | None:
        """Why a request's messages are not stored; nothing is written here."""
        try:
            if one.once is not None:
                one.once.before(cx, one.now)
            self.admission.must_be_wanted(blocks, [message.new for message in one.messages], many=one.many)
        except (RefusedError, Replay) as error:
            return error
        return None

    def wake(self, waiting: Iterable[tuple[str, Lane]]) -> None:
        """Tell the modems of messages that wait: in which queue, and how urgent each is."""
        for (queue, lane), count in Counter(waiting).items():
            self._wake(queue, lane, count)

    def route(self, number: str, modem: str | None) -> str:
        """The queue that a message to `number` waits in."""
        return f"modem:{modem}" if modem else f"route:{home_prefix(number, self._prefixes)}"

    def delivered(self, new: NewMessage, caller: Caller) -> NewMessage:
        """A message as the caller's key has it delivered: sent, caught, or sent to the key's own handset.

        Raises InvalidInput where the number in front of a redirected text makes it too long.
        """
        policy = caller.policy
        if policy.delivery is Delivery.CATCH:
            return replace(new, delivery=int(Delivery.CATCH), route=CATCH, sim=None)
        if policy.redirect_to is None:
            return new
        route = self.route(policy.redirect_to, new.modem)
        return redirected(new, policy.redirect_to, route, self._config.messages.max_parts)

    def body(
        self, text: Secret, segmentation: Segmentation, warnings: tuple[str, ...], code: Secret | None = None
    ) -> Body:
        """Text that is segmented already, with the code in it where that is known, ready to be queued; raises
        InvalidInput where it has too many parts.
        """
        return fitting(text, segmentation, "text", self._config.messages.max_parts, warnings, code)

    def reference(self) -> int:
        """A concatenation reference (23.040 9.2.3.24.1); they follow each other, so that no two near ones are equal."""
        return next(self._references) % 256

    # -- previews -----------------------------------------------------------------------------------------------------

    def preview(self, request: PreviewRequest, caller: Caller) -> Preview:
        """What a message or a code's text would look like; nothing is stored. Raises InvalidInput, Forbidden."""
        to = self.admission.destinations(request.to, caller)[0] if request.to is not None else None
        if request.text is not None:
            segmentation = segmented(request.text, request.encoding)
            text, warnings = request.text, forcing_warning(segmentation)
        else:
            text, segmentation, warnings = self._code_preview(request, caller)
        if to is not None and caller.policy.redirect_to is not None:
            text = Secret(number_in_front(to.number) + text.reveal())
            segmentation = segmented(text, request.encoding)
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

    def check_code_text(self, request: OtpRequest | PreviewRequest, caller: Caller) -> None:
        """Whether a code's text can be made of a request, and by this key; raises InvalidInput."""
        problems = context_errors(request.purpose, request.template, request.context)
        wrong = [FieldError(name, message) for name, message in problems]
        wrong += _lifetime_errors(request.lifetime, OTP_LIFETIME, caller)
        allowed, wanted = caller.policy.templates, request.template or request.purpose
        if allowed and wanted not in allowed:
            wrong.append(FieldError("template", f"this key may use {', '.join(allowed)}"))
        if wrong:
            raise InvalidInput(wrong)

    def check_again(self, to: str, template: str, caller: Caller) -> None:
        """Whether this key may send a code again, which another key of its client may have begun; raises Forbidden."""
        self.admission.destinations(to, caller)
        allowed = caller.policy.templates
        if allowed and template not in allowed:
            raise Forbidden(f"this key may use {', '.join(allowed)}", "template_not_allowed")

    def _code_preview(self, request: PreviewRequest, caller: Caller) -> tuple[Secret, Segmentation, tuple[str, ...]]:
        self.check_code_text(request, caller)
        now = self._clock.now().wall
        placeholder = Secret("0" * (request.length or self._config.otp.length))
        lifetime = lifetime_of(request.lifetime, self._config.otp.lifetime, caller)
        composed = self.texts.compose(order_of(request), placeholder, now, now + lifetime)
        return composed.text, composed.segmentation, composed.warnings

    # -- parts --------------------------------------------------------------------------------------------------------

    def _checked(self, request: SendRequest, caller: Caller, lane: Lane, now: Instant) -> list[Destination]:
        """Where the message goes; raises InvalidInput with everything that is wrong with the request."""
        wrong = self._option_errors(request, caller, lane, now)
        try:
            to = self.admission.destinations(request.to, caller)
        except InvalidInput as error:
            raise InvalidInput(error.errors + wrong) from None
        if wrong:
            raise InvalidInput(wrong)
        return to

    def _option_errors(self, request: SendRequest, caller: Caller, lane: Lane, now: Instant) -> list[FieldError]:
        wrong = _lifetime_errors(request.lifetime, OTP_LIFETIME if lane is Lane.OTP else MESSAGE_LIFETIME, caller)
        if request.not_before is not None and request.not_before.timestamp() > now.wall + LATEST_START:
            wrong.append(FieldError("not_before", f"at most {in_words(LATEST_START)} from now"))
        if request.modem is not None and request.modem not in self._modems:
            wrong.append(FieldError("modem", f"no such modem; there are: {', '.join(sorted(self._modems))}"))
        return wrong + content_errors(request)

    def _new_message(
        self, request: SendRequest, caller: Caller, lane: Lane, to: Destination, body: Body, now: Instant
    ) -> NewMessage:
        otp = self._config.otp
        start = request.not_before.timestamp() if request.not_before else None
        default_lifetime = otp.lifetime if lane is Lane.OTP else self._config.messages.lifetime
        lifetime = lifetime_of(request.lifetime, default_lifetime, caller)
        route = self.route(to.number, request.modem)
        not_before = start if start is not None and start > now.wall else None
        warnings = (*to.warnings, *body.warnings, *self._too_quiet(lane, max(start or now.wall, now.wall), lifetime))
        if lane is Lane.OTP and not_before is None:
            warnings = (*warnings, *self.admission.backlog.check(route, lifetime, now))
        new = NewMessage(
            client=caller.client,
            to=to.number,
            country=to.region,
            lane=lane,
            lifetime=lifetime,
            text=body.text,
            segments=body.segments,
            encoding=body.encoding,
            concat_reference=self.reference(),
            route=route,
            report=request.report,
            replace=request.replace,
            flash=request.flash,
            silent=request.silent,
            on_unknown=otp.on_unknown if lane is Lane.OTP else self._config.messages.on_unknown,
            not_before=not_before,
            modem=request.modem,
            client_ref=request.client_ref,
            tags=request.tags,
            warnings=warnings,
            key_id=caller.key_id,
            code=body.code,
        )
        return self.delivered(new, caller)

    def _too_quiet(self, lane: Lane, start: float, lifetime: float) -> tuple[str, ...]:
        """A warning where a message could be sent in quiet hours only, in which it is not."""
        quiet = self._config.messages.quiet_hours
        if lane is not Lane.BULK or quiet is None or not quiet.cover(start, start + lifetime, self._zone):
            return ()
        return (f"its whole lifetime lies in the quiet hours ({quiet}): unless it has a longer one, it is never sent",)


def lifetime_of(asked: float | None, default: float, caller: Caller) -> float:
    """Seconds that something lives: what was asked for, else the default within what the key allows."""
    if asked is not None:
        return asked
    longest = caller.policy.longest_lifetime
    return default if longest is None else min(default, longest)


def _lifetime_errors(asked: float | None, bounds: tuple[float, float], caller: Caller) -> list[FieldError]:
    low, high = bounds
    high = min(high, caller.policy.longest_lifetime or high)
    if asked is None or low <= asked <= high:
        return []
    return [FieldError("lifetime", f"from {in_words(low)} to {in_words(high)}")]
