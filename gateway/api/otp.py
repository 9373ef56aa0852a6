"""One-time codes: start, check, resend, look, cancel."""

from __future__ import annotations

from gateway.api import render
from gateway.api.operations import Answer, Call, Operation
from gateway.api.shapes.codes import CheckShape, OtpShape, OtpWithTimeline
from gateway.api.view import ServiceView
from gateway.requests import CheckRequest, OtpRequest, ResendRequest


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/otp."""
    verify = service.verify

    def start(call: Call) -> Answer:
        once = call.once(service.store, render.challenge)
        return 202, render.challenge(verify.start(call.body, call.principal.caller, once))

    def check(call: Call, otp_id: str) -> Answer:
        checked = verify.check(otp_id, call.body, call.principal.sees)
        service.metrics.checked(checked.result)
        answer = {"result": checked.result.value, "attempts_left": checked.attempts_left}
        return 200, answer if checked.mismatch is None else {**answer, "mismatch": checked.mismatch}

    def resend(call: Call, otp_id: str) -> Answer:
        once = call.once(service.store, render.challenge)
        return 202, render.challenge(verify.resend(otp_id, call.body, call.principal.caller, call.principal.sees, once))

    def look(call: Call, otp_id: str) -> Answer:
        view = verify.get(otp_id, call.principal.sees)
        return 200, render.challenge_with_timeline(view, verify.timeline(view))

    def cancel(call: Call, otp_id: str) -> Answer:
        view = verify.cancel(otp_id, call.principal.sees)
        return 200, render.challenge_with_timeline(view, verify.timeline(view))

    one = "/v1/otp/{otp_id}"
    return (
        Operation(
            "POST", "/v1/otp", "start_otp", "Send a one-time code", ("otp:send",), start, 202, OtpShape,
            body=OtpRequest, once=True, refusals=(403, 409, 422, 429, 503),
        ),
        Operation(
            "POST", f"{one}/check", "check_otp", "Check a code", ("otp:check",), check, 200, CheckShape,
            body=CheckRequest, refusals=(404, 422),
        ),
        Operation(
            "POST", f"{one}/resend", "resend_otp", "Send a new code, or the same one again", ("otp:send",), resend,
            202, OtpShape, body=ResendRequest, body_optional=True, once=True, refusals=(403, 404, 409, 422, 429, 503),
        ),
        Operation(
            "GET", one, "get_otp", "Look at a challenge", ("otp:send", "otp:check"), look, 200, OtpWithTimeline,
            refusals=(404,),
        ),
        Operation(
            "DELETE", one, "cancel_otp", "Cancel a challenge", ("otp:send",), cancel, 200, OtpWithTimeline,
            refusals=(404, 409),
        ),
    )  # fmt: skip
