"""Every family of metrics: its name, what it is, its labels. What is not here is not exposed.

Labels take values of small known sets: states, lanes, names of the configuration, countries (at most so many, see
`gateway.metrics.countries`), the modems' documented codes. No label holds a number, a text or a client's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Kind = Literal["counter", "gauge", "histogram", "info"]


@dataclass(frozen=True, slots=True)
class Family:
    """One family."""

    name: str
    """As it is written in queries; a histogram's without `_bucket`, `_sum` and `_count`."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Of a histogram, in seconds."""


_ACCEPT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_CLAIM = (0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_SUBMIT = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0)
_DELIVERY = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0)
_REPORTED = (2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 21_600.0, 86_400.0)
_MODEM, _WAY, _PAIR, _HOOK = ("modem",), ("modem", "country"), ("from", "to"), ("webhook",)

_COUNTED = (
    Family("simwire_accepted_total", "counter", "Messages taken into the outbox", ("lane",)),
    Family(
        "simwire_accept_seconds",
        "histogram",
        "From reading a request to send until it was answered, by what became of it",
        ("kind", "result"),
        _ACCEPT,
    ),
    Family("simwire_messages_total", "counter", "Moves of messages into a state", ("state", "lane")),
    Family(
        "simwire_messages_ended_total",
        "counter",
        "Messages that came to their end, by how and why; none: the state says it all",
        ("state", "reason", "lane"),
    ),
    Family("simwire_refusals_total", "counter", "Requests answered with a problem, by its code", ("rule",)),
    Family("simwire_checks_total", "counter", "Checks of codes, by their result", ("result",)),
    Family("simwire_http_requests_total", "counter", "Requests that were answered", ("method", "operation", "status")),
    Family(
        "simwire_claim_seconds",
        "histogram",
        "From when a part could go (accepted, or due again) until a modem took it",
        _WAY,
        _CLAIM,
    ),
    Family(
        "simwire_submit_seconds", "histogram", "From AT+CMGS until the network had accepted the part", _WAY, _SUBMIT
    ),
    Family(
        "simwire_delivery_seconds",
        "histogram",
        "From the submit of a part to the report that the handset has it",
        _WAY,
        _REPORTED,
    ),
    Family(
        "simwire_attempts_total",
        "counter",
        "Parts that were begun, by why: first, or again after a refusal (retry), an unknown outcome (resend), …",
        ("modem", "kind"),
    ),
    Family("simwire_attempt_results_total", "counter", "What submits came to", ("modem", "result")),
    Family(
        "simwire_possible_duplicates_total",
        "counter",
        "Parts that were begun although another copy may have left before",
        _MODEM,
    ),
    Family(
        "simwire_submit_errors_total",
        "counter",
        "Submits that were refused, by what is done about it, and by the error: cms, cme or none, and its code",
        ("modem", "class", "kind", "code"),
    ),
    Family("simwire_inbox_received_total", "counter", "Messages that were received", _MODEM),
    Family(
        "simwire_modem_recoveries_total", "counter", "Steps that were taken to bring a modem back", ("modem", "step")
    ),
    Family(
        "simwire_code_delivery_seconds",
        "histogram",
        "From acceptance of a code to the report that it was delivered",
        (),
        _DELIVERY,
    ),
    Family(
        "simwire_objective_codes_total",
        "counter",
        "Codes by whether they were delivered within an objective's limit",
        ("objective", "result"),
    ),
)
_QUEUE = (
    Family("simwire_queue_messages", "gauge", "Messages of which a part could go now and waits for a modem", ("lane",)),
    Family("simwire_queue_oldest_seconds", "gauge", "How long the oldest of them could have gone", ("lane",)),
    Family("simwire_queue_limit_seconds", "gauge", "How long it may be: [alarms.waits]", ("lane",)),
)
_MODEMS = (
    Family("simwire_modem_usable", "gauge", "1 where it can send now", _MODEM),
    Family("simwire_modem_state", "gauge", "1 for the state it is in, 0 for the others", ("modem", "state")),
    Family(
        "simwire_modem_condition",
        "gauge",
        "1 for what is the matter with it, 0 for everything else",
        ("modem", "condition"),
    ),
    Family(
        "simwire_modem_registration",
        "gauge",
        "1 for how it is registered in the network, 0 for every other way",
        ("modem", "registration"),
    ),
    Family("simwire_modem_changes_total", "counter", "Changes of its state or condition", _MODEM),
    Family("simwire_modem_signal_dbm", "gauge", "Strength of the signal (RSSI)", _MODEM),
    Family("simwire_modem_balance", "gauge", "Credit of its SIM, in its currency", _MODEM),
    Family("simwire_modem_quota_limit", "gauge", "What each quota of its SIM allows", ("modem", "quota")),
    Family("simwire_modem_quota_kept", "gauge", "What of it is kept for codes", ("modem", "quota")),
    Family("simwire_modem_quota_left", "gauge", "What is left of it, the share for codes included", ("modem", "quota")),
)
_CANARIES = (
    Family("simwire_canary_state", "gauge", "1 for how the newest fares, 0 for the others", (*_PAIR, "state")),
    Family(
        "simwire_canary_last_success_timestamp_seconds", "gauge", "When the newest was sent that came in time", _PAIR
    ),
    Family("simwire_canary_round_trip_seconds", "gauge", "How long that one took", _PAIR),
    Family("simwire_canary_missed_total", "counter", "Those that did not come in time", _PAIR),
)
_WEBHOOKS = (
    Family("simwire_webhook_waiting_events", "gauge", "Events that wait to be sent there", _HOOK),
    Family("simwire_webhook_oldest_seconds", "gauge", "How old the oldest of them is; 0: none waits", _HOOK),
    Family("simwire_webhook_failures", "gauge", "Attempts in a row that failed", _HOOK),
    Family(
        "simwire_webhook_deliveries_total",
        "counter",
        "Attempts to send an event there: taken, failed and tried again, given_up",
        ("webhook", "result"),
    ),
)
_HOST = (
    Family("simwire_alarm", "gauge", "1 for each alarm that is not over", ("alarm", "severity")),
    Family("simwire_disk_free_bytes", "gauge", "What is free where the database is"),
    Family("simwire_disk_low_bytes", "gauge", "With less an alarm is raised: [alarms] disk_free"),
    Family("simwire_disk_reserve_bytes", "gauge", "With less nothing is accepted: [limits] disk_reserve"),
    Family("simwire_database_bytes", "gauge", "Size of the database file"),
    Family("simwire_database_wal_bytes", "gauge", "Size of its write-ahead log"),
    Family("simwire_threads", "gauge", "Threads of the process"),
    Family("simwire_build_info", "info", "The release that runs", ("version",)),
)

CATALOGUE: tuple[Family, ...] = (*_COUNTED, *_QUEUE, *_MODEMS, *_CANARIES, *_WEBHOOKS, *_HOST)
_BY_NAME = {family.name: family for family in CATALOGUE}


def counter(name: str, registry: CollectorRegistry) -> Counter:
    """A counter that counts as things happen."""
    family = _BY_NAME[name]
    return Counter(family.name, family.help, family.labels, registry=registry)


def histogram(name: str, registry: CollectorRegistry) -> Histogram:
    """A histogram of what happens."""
    family = _BY_NAME[name]
    return Histogram(family.name, family.help, family.labels, buckets=family.buckets, registry=registry)


def gauges(name: str) -> GaugeMetricFamily:
    """A gauge to be filled at a scrape."""
    family = _BY_NAME[name]
    return GaugeMetricFamily(family.name, family.help, labels=family.labels)


def totals(name: str) -> CounterMetricFamily:
    """A counter to be filled at a scrape, of what somebody else counts."""
    family = _BY_NAME[name]
    return CounterMetricFamily(family.name, family.help, labels=family.labels)
