"""What needs a person, told to one: by SMS over another SIM, by e-mail, and as events to webhooks."""

from __future__ import annotations

from gateway.alarms.alarm import Alarm, Severity
from gateway.alarms.lookout import Lookout
from gateway.alarms.mail import Mailer, MailError
from gateway.alarms.rules import Sight, find
from gateway.alarms.texting import Texter
from gateway.alarms.watch import Alarms, AlarmView, Trial

__all__ = [
    "Alarm",
    "AlarmView",
    "Alarms",
    "Lookout",
    "MailError",
    "Mailer",
    "Severity",
    "Sight",
    "Texter",
    "Trial",
    "find",
]
