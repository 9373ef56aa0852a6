"""The code engine: start a challenge, check a code, send again, cancel. Never gives a code away."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

from gateway.challenges import ChallengeView, Checked, Pace, binding_of, carried, must_be_open, order_again, remembered
from gateway.config import CODE_LENGTH, Config
from gateway.content import Body, order_of
from gateway.intake import Intake, lifetime_of
from gateway.issuing import Asked, Issuing
from gateway.limits import SendRule
from gateway.messages import Lane, Message, NewMessage, Secret, TimelineEntry
from gateway.once import Once
from gateway.otp import Claim, as_typed, fits, mismatch, new_code, seal
from gateway.policy import Caller, number_in_front
from gateway.refusals import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from gateway.requests import CheckRequest, OtpRequest, ResendRequest
from gateway.store import Challenge, ChallengeState, CheckResult, Guesses, NewChallenge, Store
from gateway.texts import Order
from hardware.clock import Clock, Instant
from hardware.pdu import segment

Again = Callable[[sqlite3.Connection], Challenge]
"""What a transaction does to a challenge whose code is sent again."""

VOIP = "a number of internet telephony: NIST SP 800-63B rules those out for codes"


class Verify:
    """Challenges, over the store's. Thread-safe."""

    def __init__(self, store: Store, intake: Intake, config: Config, clock: Clock) -> None:
        self._store, self._intake, self._clock = store, intake, clock
        self._otp = config.otp
        self._pace = Pace(SendRule(config.otp.cooldown, config.otp.max_sends))
        self._issuing = Issuing(store, intake, self._pace, replaces=config.otp.replace)
        self._keyed = store.cipher.code_hash

    # -- start --------------------------------------------------------------------------------------------------------

    def start(self, request: OtpRequest, caller: Caller, once: Once[ChallengeView] | None = None) -> ChallengeView:
        """Open a challenge and queue its code; returns once both are on disk.

        An open challenge of the same client, number, purpose and delivery is superseded: its code is dead, its failures
        count on, and this counts as another send; so it does after a cancelled one until that one's lifetime is over,
        and until then nothing is sent after a locked one.

        Raises InvalidInput, Forbidden, TooMany or Unavailable; Replay and Conflict where `once` knows the request.
        """
        if once is not None:
            once.replay(self._clock.now())
        self._intake.admission.must_accept()
        (to,) = self._intake.admission.destinations(request.to, caller)
        if to.voip and self._otp.refuse_voip:
            raise Forbidden("to: a number of internet telephony: no codes are sent to those", "voip_not_allowed")
        self._intake.check_code_text(request, caller)
        now = self._clock.now()
        lifetime = lifetime_of(request.lifetime, self._otp.lifetime, caller)
        code = self._code(request)
        body = self._body(order_of(request), code, now, lifetime)
        context = request.context.canonical() if request.context else {}
        challenge_id = self._store.challenges.new_id(now)
        admission = self._intake.admission
        new = NewChallenge(
            id=challenge_id,
            client=caller.client,
            to=to.number,
            purpose=request.purpose,
            code_hash=seal(self._keyed, challenge_id, Claim(code, request.binding, context)),
            lifetime=lifetime,
            max_failures=self._otp.max_failures,
            client_ref=request.client_ref,
            details=remembered(request, len(code.reveal()), lifetime, context, to.region),
            key_id=caller.key_id,
            peer=admission.guard.peer(request.end_user_ip),
            delivery=int(caller.policy.delivery),
        )

        def open_(cx: sqlite3.Connection, guesses: Guesses, before: Challenge | None) -> NewChallenge:
            _must_be_unlocked(guesses)
            if before is None:
                return new
            failures = carried(before, guesses.failures, now)
            self._pace.must_allow_send(before, now)
            self._store.challenges.close(cx, before.id, ChallengeState.CANCELLED, now, "superseded")
            return replace(new, failures=failures, sends=before.sends + 1)

        voip = (f"to: {VOIP}",) if to.voip else ()
        live = self._message(new, challenge_id, body, lifetime, caller.key_id, now, (*to.warnings, *voip))
        message = self._intake.delivered(live, caller)
        with admission.guard.code(to, caller, request.end_user_ip, now):
            return self._issuing.commit(Asked(new, open_, message, now, once))

    def _code(self, request: OtpRequest) -> Secret:
        length = request.length or self._otp.length
        if request.code is None:
            return new_code(length)
        code = as_typed(request.code, length)
        text = code.reveal()
        if not (CODE_LENGTH[0] <= len(text) <= CODE_LENGTH[1] and text.isascii() and text.isalnum()):
            raise InvalidInput.of("code", f"{CODE_LENGTH[0]} to {CODE_LENGTH[1]} digits or letters")
        return code

    # -- check --------------------------------------------------------------------------------------------------------

    def check(self, challenge_id: str, request: CheckRequest, client: str | None) -> Checked:
        """Judge a code. A right one approves the challenge exactly once; a wrong one counts. Raises NotFound."""
        context = request.context.canonical() if request.context else {}
        differs: list[str] = []

        def matches(challenge: Challenge) -> bool:
            details = challenge.details
            claim = Claim(as_typed(request.code, details["length"]), request.binding, context)
            if fits(self._keyed, challenge.id, claim, challenge.code_hash):
                return True
            differs.append(mismatch(claim, binding_of(details), details["context"]))
            return False

        now = self._clock.now()
        judged = self._store.challenges.check(challenge_id, client, matches, now)
        if judged is None:
            raise _not_found(challenge_id)
        result, challenge = judged
        if result is CheckResult.APPROVED:
            age = max(0.0, now.wall - challenge.created_at / 1000)
            self._intake.admission.guard.approved(challenge.to, challenge.delivery, now.boot - age)
        if result is CheckResult.TOO_MANY_ATTEMPTS and now.boot >= challenge.expires_boot:
            result = CheckResult.EXPIRED
        return Checked(result, challenge.attempts_left, differs[0] if differs and self._otp.explain else None)

    # -- resend -------------------------------------------------------------------------------------------------------

    def resend(
        self,
        challenge_id: str,
        request: ResendRequest,
        caller: Caller,
        sees: str | None,
        once: Once[ChallengeView] | None = None,
    ) -> ChallengeView:
        """Send a new code, or the same one again. Raises NotFound, Forbidden, Conflict, TooMany or Unavailable.

        A code that the caller brought is sent again as it is: the gateway does not put one in its place that the
        caller does not know.
        """
        if once is not None:
            once.replay(self._clock.now())
        self._intake.admission.must_accept()
        now = self._clock.now()
        before = self._found(challenge_id, sees)
        self._intake.check_again(before.to, before.details["template"], caller)
        must_be_open(before, now)
        self._pace.must_allow_send(before, now)
        same = self._otp.resend == "same" if request.same is None else request.same
        again = self._same_code if same or before.details["own_code"] else self._another_code
        body, lifetime, step = again(before, now, caller)

        def send_again(cx: sqlite3.Connection, guesses: Guesses, _: Challenge | None) -> Challenge:
            current = self._store.challenges.get_in(cx, before.id) or before
            must_be_open(current, now)
            _must_be_unlocked(guesses)
            self._pace.must_allow_send(current, now)
            if again == self._same_code and current.code_hash != before.code_hash:
                raise Conflict("another request has made a new code meanwhile: this one is dead", "challenge_changed")
            return step(cx)

        live = self._message(before, before.id, body, lifetime, caller.key_id, now)
        message = self._intake.delivered(live, caller)
        with self._intake.admission.guard.messages(1, caller, now):
            return self._issuing.commit(Asked(before, send_again, message, now, once))

    def _another_code(self, before: Challenge, now: Instant, caller: Caller) -> tuple[Body, float, Again]:
        details = before.details
        code, lifetime = new_code(details["length"]), lifetime_of(None, float(details["lifetime"]), caller)
        body = self._body(order_again(details, before.purpose), code, now, lifetime)
        sealed = seal(self._keyed, before.id, Claim(code, binding_of(details), details["context"]))
        return body, lifetime, lambda cx: self._store.challenges.renew(cx, before.id, sealed, lifetime, now)

    def _same_code(self, before: Challenge, now: Instant, caller: Caller) -> tuple[Body, float, Again]:
        remaining = before.expires_boot - now.boot
        text = self._store.outbox.text(before.message_id) if before.message_id else None
        if remaining <= self._otp.min_remaining or text is None:
            raise Conflict("this code ends too soon to be sent again; ask for a new one", "expires_too_soon")

        def resent(cx: sqlite3.Connection) -> Challenge:
            self._store.outbox.withdraw_challenge(cx, before.id, now)
            return self._store.challenges.resent(cx, before.id, now)

        text = Secret(text.reveal().removeprefix(number_in_front(before.to)))  # as it was before it was redirected
        code = self._store.caught.code_of(before.message_id) if before.message_id else None
        body = self._intake.body(text, segment(text.reveal()), (), code)
        return body, lifetime_of(None, remaining, caller), resent

    # -- the rest -----------------------------------------------------------------------------------------------------

    def cancel(self, challenge_id: str, client: str | None) -> ChallengeView:
        """Close a challenge and withdraw what has not left; a cancelled one stays so. Raises NotFound, Conflict."""
        now = self._clock.now()
        self._found(challenge_id, client)

        def transaction(cx: sqlite3.Connection) -> Challenge:
            current = self._store.challenges.get_in(cx, challenge_id)
            if current is None:
                raise _not_found(challenge_id)
            if current.state is not ChallengeState.CANCELLED:
                must_be_open(current, now)
            return self._store.challenges.close(cx, challenge_id, ChallengeState.CANCELLED, now, "by_client")

        challenge = self._store.database.accept(transaction)
        return self._pace.view(challenge, self._newest(challenge), now)

    def get(self, challenge_id: str, client: str | None) -> ChallengeView:
        """A challenge as it is now. Raises NotFound."""
        challenge = self._found(challenge_id, client)
        return self._pace.view(challenge, self._newest(challenge), self._clock.now())

    def timeline(self, view: ChallengeView) -> list[TimelineEntry]:
        """What happened to the newest message of a challenge."""
        return self._store.outbox.timeline(view.message.id) if view.message else []

    # -- parts --------------------------------------------------------------------------------------------------------

    def _body(self, order: Order, code: Secret, now: Instant, lifetime: float) -> Body:
        composed = self._intake.texts.compose(order, code, now.wall, now.wall + lifetime)
        return self._intake.body(composed.text, composed.segmentation, composed.warnings, code)

    def _message(
        self,
        owner: NewChallenge | Challenge,
        challenge_id: str,
        body: Body,
        lifetime: float,
        key_id: str,
        now: Instant,
        warnings: tuple[str, ...] = (),
    ) -> NewMessage:
        """Raises Unavailable for a code that would leave too late, whatever the key: tests are answered as live keys
        are.
        """
        route = self._intake.route(owner.to, None)
        late = self._intake.admission.backlog.check(route, lifetime, now)
        return NewMessage(
            client=owner.client,
            to=owner.to,
            country=owner.details["country"],
            lane=Lane.OTP,
            lifetime=lifetime,
            text=body.text,
            segments=body.segments,
            encoding=body.encoding,
            concat_reference=self._intake.reference(),
            route=route,
            on_unknown=self._otp.on_unknown,
            challenge_id=challenge_id,
            client_ref=owner.client_ref,
            warnings=(*warnings, *body.warnings, *late),
            key_id=key_id,
            code=body.code,
        )

    def _found(self, challenge_id: str, client: str | None) -> Challenge:
        challenge = self._store.challenges.get(challenge_id, client)
        if challenge is None:
            raise _not_found(challenge_id)
        return challenge

    def _newest(self, challenge: Challenge) -> Message | None:
        return self._store.outbox.get(challenge.message_id) if challenge.message_id else None


def _must_be_unlocked(guesses: Guesses) -> None:
    """Raise Forbidden or TooMany for a number that is shut after too many wrong codes."""
    if guesses.stopped:
        raise Forbidden(
            f"{guesses.failures} wrong codes in a row were given for this number: nothing is sent to it until an"
            " operator clears it (simwire numbers unlock)",
            "number_stopped",
        )
    if guesses.locked_for:
        raise TooMany("too many wrong codes were given for this number", guesses.locked_for, "number_locked")


def _not_found(challenge_id: str) -> NotFound:
    return NotFound(f"there is no challenge {challenge_id[:40]}")
