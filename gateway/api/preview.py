"""What would be sent, before it is."""

from __future__ import annotations

from gateway.api.operations import Answer, Call, Operation
from gateway.api.shapes.messages import PreviewShape
from gateway.api.view import ServiceView
from gateway.requests import PreviewRequest


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operation on /v1/preview."""

    def preview(call: Call) -> Answer:
        seen = service.intake.preview(call.body, call.principal.caller)
        return 200, {
            "text": seen.text.reveal(),
            "encoding": seen.encoding,
            "parts": seen.parts,
            "forcing": list(seen.forcing),
            "cost": seen.parts,
            "to": seen.to,
            "country": seen.country,
            "warnings": list(seen.warnings),
        }

    return (
        Operation(
            "POST", "/v1/preview", "preview", "See what would be sent; nothing is stored",
            ("messages:send", "otp:send"), preview, 200, PreviewShape, body=PreviewRequest, refusals=(403, 422),
        ),
    )  # fmt: skip
