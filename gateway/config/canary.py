"""The messages that the gateway sends from SIM to SIM to see whether they arrive."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from gateway.config.fields import DAY, Duration, Section, Tuple, between
from gateway.quantities import written

_SHORTEST = 300.0  # seconds between two: a plan's messages are not for free


class CanaryConfig(Section):
    """How often, from whom to whom, and how long it may take."""

    every: Duration = 0.0
    within: Annotated[Duration, AfterValidator(between(30.0, 3600.0))] = 300.0
    pairs: Annotated[tuple[Annotated[tuple[str, str], Tuple], ...], Tuple] = ()

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        if self.every and not _SHORTEST <= self.every <= 30 * DAY:
            raise ValueError(f"every: 0 (off), or from {written(_SHORTEST)} to {written(30 * DAY)}")
        if self.every and self.within >= self.every:
            raise ValueError("within is not below every: the next one would be sent before the last one is missed")
        return self
