"""Alarms: what needs a person, and whether the ways to one work."""

from __future__ import annotations

from gateway.alarms import AlarmView, Trial
from gateway.api.operations import Answer, Call, Operation
from gateway.api.render import moment
from gateway.api.shapes.alarms import AlarmList, AlarmTestShape
from gateway.api.view import ServiceView
from gateway.api.webhooks import NoFields
from gateway.messages import Json


def render(view: AlarmView) -> Json:
    """An alarm as JSON."""
    alarm = view.alarm
    return {
        "alarm": alarm.key,
        "severity": alarm.severity.value,
        "what": alarm.what,
        "remedy": alarm.remedy,
        "since": moment(round(view.since * 1000)),
        "told_at": moment(round(view.told_at * 1000)),
    }


def _trial(trial: Trial) -> Json:
    return {"channel": trial.channel, "works": trial.works, "detail": trial.detail}


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/alarms."""

    def every(_: Call) -> Answer:
        return 200, {"items": [render(view) for view in service.alarms.views()]}

    def test(call: Call) -> Answer:
        call.audit("alarms.test", "alarms")
        return 200, {"items": [_trial(trial) for trial in service.alarms.test()]}

    return (
        Operation(
            "GET", "/v1/alarms", "list_alarms", "What needs a person now", ("modems:read",), every, 200, AlarmList,
        ),
        Operation(
            "POST", "/v1/alarms/test", "test_alarms", "Send a test by every way to people", ("modems:manage",), test,
            200, AlarmTestShape, body=NoFields, body_optional=True,
        ),
    )  # fmt: skip
