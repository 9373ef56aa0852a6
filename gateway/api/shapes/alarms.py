"""Alarms and the ways to people."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from gateway.api.shapes.common import Shape


class AlarmShape(Shape):
    """Something that needs a person, of which people were told."""

    alarm: str
    """By which it goes while it lasts: `no_modem`, `queue:otp`, `modem:sim1`, `canary:sim1>sim2`, …"""
    severity: Literal["critical", "warning"]
    what: str
    remedy: str
    since: AwareDatetime
    told_at: AwareDatetime
    """When people were told last."""


class AlarmList(Shape):
    """Every alarm that is not over."""

    items: list[AlarmShape]


class AlarmTrialShape(Shape):
    """What a test of one way came to."""

    channel: Literal["sms", "email", "events"]
    works: bool
    detail: str


class AlarmTestShape(Shape):
    """A test of every way that is configured."""

    items: list[AlarmTrialShape]
