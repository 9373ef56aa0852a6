"""/metrics: what is counted, who may look, and that nothing in it tells of a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import Counter, Histogram
from prometheus_client.parser import text_string_to_metric_families

from gateway.alarms.lookout import Lookout
from gateway.api.shapes.modems import CanaryShape, ModemShape, RecoveryShape
from gateway.conditions import CONDITIONS
from gateway.directory import CANARY_STATES, MODEM_STATES, CanaryView
from gateway.messages import Lane, Message, MessageState, Refusal
from gateway.metrics import Metrics
from gateway.metrics.catalogue import CATALOGUE
from gateway.metrics.counted import error_of
from gateway.metrics.countries import MOST, Countries
from gateway.metrics.held import Held
from gateway.quota import QuotaRules
from gateway.recovery import Step
from hardware.clock import FakeClock
from hardware.modem import REGISTRATIONS
from hardware.simulator import Fault, LoseAnswer, Refuse
from hardware.simulator import Step as FaultStep
from tests.gateway.rig import Rig
from tests.gateway.test_api_inbox import receive
from tests.gateway.test_api_stats import send_one
from tests.gateway.world import NUMBER, World

HELLO = {"to": NUMBER, "text": "hello"}


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(world: World) -> str:
    answer = world.app.test_client().get("/metrics")
    assert answer.status_code == 200
    return answer.text


def value(world: World, name: str, **labels: str) -> float | None:
    return parsed(scrape(world)).get((name, frozenset(labels.items())))


def test_moves_of_messages(world: World) -> None:
    assert value(world, "simwire_messages_total", state="sent", lane="normal") == 0
    world.post("/v1/messages", HELLO)
    send_one(world, 1)
    message_id = world.post("/v1/messages", {**HELLO, "priority": "bulk"}).get_json()["id"]
    world.delete(f"/v1/messages/{message_id}")
    assert value(world, "simwire_messages_total", state="sent", lane="normal") == 1
    assert value(world, "simwire_messages_total", state="cancelled", lane="bulk") == 1
    assert value(world, "simwire_messages_total", state="sent", lane="bulk") == 0


def test_what_was_accepted_by_lane(world: World) -> None:
    world.post("/v1/messages", {**HELLO, "to": [NUMBER, "+447700900124"]})
    world.post("/v1/otp", {"to": NUMBER, "purpose": "login"})
    assert world.post("/v1/messages", {"to": [NUMBER, "12"], "text": "hello"}).status_code == 422
    found = {lane: value(world, "simwire_accepted_total", lane=lane) for lane in ("otp", "high", "normal", "bulk")}
    assert found == {"otp": 1, "high": 0, "normal": 2, "bulk": 0}


def test_refusals_and_requests(world: World) -> None:
    world.post("/v1/messages", {"to": "12", "text": "hello"})
    world.post("/v1/messages", {"to": "+33612345678", "text": "hello"})
    world.app.test_client().get("/v1/messages")
    world.app.test_client().open("/nowhere", method="BREW")
    assert value(world, "simwire_refusals_total", rule="invalid_input") == 1
    assert value(world, "simwire_refusals_total", rule="country_not_allowed") == 1
    assert value(world, "simwire_refusals_total", rule="unauthorized") == 1
    counted = "simwire_http_requests_total"
    assert value(world, counted, method="POST", operation="send_messages", status="422") == 1
    assert value(world, counted, method="POST", operation="send_messages", status="403") == 1
    assert value(world, counted, method="GET", operation="list_messages", status="401") == 1
    assert value(world, counted, method="other", operation="none", status="404") == 1


def test_checks_by_result(world: World) -> None:
    otp = world.post("/v1/otp", {"to": NUMBER, "purpose": "login"}).get_json()
    for code in ("no", world.code(otp["message_id"]), "no"):
        world.post(f"/v1/otp/{otp['id']}/check", {"code": code})
    found = {
        result: value(world, "simwire_checks_total", result=result)
        for result in ("wrong_code", "approved", "used", "expired")
    }
    assert found == {"wrong_code": 1, "approved": 1, "used": 1, "expired": 0}


def test_what_could_go_and_waits(world: World) -> None:
    assert value(world, "simwire_queue_messages", lane="normal") == 0
    assert value(world, "simwire_queue_oldest_seconds", lane="normal") == 0
    world.post("/v1/messages", {**HELLO, "text": "two parts " * 20})
    world.clock.advance(30)
    world.post("/v1/messages", HELLO)
    world.post("/v1/messages", {**HELLO, "not_before": "2026-01-02T00:00:00Z"})
    world.clock.advance(1)
    assert value(world, "simwire_queue_messages", lane="normal") == 2
    assert value(world, "simwire_queue_oldest_seconds", lane="normal") == 31
    send_one(world, 1)
    send_one(world, 2)
    world.clock.advance(1)
    assert value(world, "simwire_queue_messages", lane="normal") == 1
    assert value(world, "simwire_queue_oldest_seconds", lane="normal") == 2


def test_a_scheduled_message_waits_from_when_it_could_go(world: World) -> None:
    world.post("/v1/messages", {**HELLO, "not_before": "2026-01-01T01:00:00Z"})
    world.clock.advance(3610)
    world.store.outbox.wake_due(world.clock.now())
    assert value(world, "simwire_queue_oldest_seconds", lane="normal") == 10


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_makes_no_queue_older_or_younger(world: World, step: float) -> None:
    world.post("/v1/messages", HELLO)
    world.post("/v1/otp", {"to": NUMBER, "purpose": "login"})
    world.post("/v1/messages", {**HELLO, "priority": "high", "not_before": "2026-01-01T00:00:10Z"})
    world.clock.advance(40)
    world.store.outbox.wake_due(world.clock.now())
    ages = {"normal": 40, "otp": 40, "high": 30}
    assert {lane: value(world, "simwire_queue_oldest_seconds", lane=lane) for lane in ages} == ages
    world.clock.step_wall(step)  # also within the second for which one look holds
    assert {lane: value(world, "simwire_queue_oldest_seconds", lane=lane) for lane in ages} == ages
    world.clock.advance(5)
    ages = {lane: age + 5 for lane, age in ages.items()}
    assert {lane: value(world, "simwire_queue_oldest_seconds", lane=lane) for lane in ages} == ages
    look = Lookout(world.store, world.metrics.objectives, world.modems, list)
    assert {lane.name.lower(): age for lane, age in look(world.clock.now()).waiting.items()} == ages


def test_modems(world: World) -> None:
    world.views[0] = replace(world.views[0], signal_dbm=-71)
    found = parsed(scrape(world))
    states = {
        (dict(labels)["modem"], dict(labels)["state"])
        for (name, labels), number in found.items()
        if name == "simwire_modem_state" and number == 1
    }
    assert states == {("sim1", "ready"), ("sim2", "absent")}
    assert value(world, "simwire_modem_signal_dbm", modem="sim1") == -71
    assert value(world, "simwire_modem_signal_dbm", modem="sim2") is None
    assert get_args(ModemShape.model_fields["state"].annotation) == MODEM_STATES


def test_what_is_the_matter_is_a_set_of_which_one_is_true(world: World) -> None:
    world.views[0] = replace(world.views[0], condition="sim_refused", changes=7)
    found = parsed(scrape(world))
    for modem, condition in (("sim1", "sim_refused"), ("sim2", None)):
        shown = {
            word: found["simwire_modem_condition", frozenset({("modem", modem), ("condition", word)})]
            for word in CONDITIONS
        }
        assert shown == {word: float(word == condition) for word in CONDITIONS}
    assert value(world, "simwire_modem_changes_total", modem="sim1") == 7
    world.views[0] = replace(world.views[0], condition=None)
    assert value(world, "simwire_modem_condition", modem="sim1", condition="sim_refused") == 0


def test_a_canary_that_has_never_arrived_is_seen(world: World) -> None:
    canary = CanaryView("sim1", "sim2", "untested")
    text = Metrics(world.store, world.clock, world.modems, lambda: [canary]).exposition().decode()
    states = {
        dict(labels)["state"]: number
        for (name, labels), number in parsed(text).items()
        if name == "simwire_canary_state"
    }
    assert states == {state: float(state == "untested") for state in CANARY_STATES}
    assert get_args(CanaryShape.model_fields["state"].annotation) == CANARY_STATES


def test_names_and_labels_are_as_prometheus_wants_them(world: World) -> None:
    """What `promtool check metrics` looks at."""
    text = scrape(world)
    families = list(text_string_to_metric_families(text))
    for family in families:
        assert text.count(f"# HELP {family.name} ") + text.count(f"# HELP {family.name}_total ") == 1, family.name
        assert family.documentation, family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert not re.search(r"_(milliseconds|ms|minutes|hours|count|sum|bucket|total|gauge|counter)$", family.name)
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name


def test_steps_to_bring_a_modem_back(world: World) -> None:
    assert value(world, "simwire_modem_recoveries_total", modem="sim1", step="reset") == 0
    world.metrics.recovering("sim1", "reset")
    assert value(world, "simwire_modem_recoveries_total", modem="sim1", step="reset") == 1
    assert value(world, "simwire_modem_recoveries_total", modem="sim2", step="quarantine") == 0
    steps = get_args(get_args(RecoveryShape.model_fields["step"].annotation)[0])
    assert list(steps) == [step.value for step in Step]


def test_two_gateways_in_one_process_count_apart(world: World) -> None:
    other = Metrics(world.store, world.clock, world.modems)
    other.refused("locked")
    assert value(world, "simwire_refusals_total", rule="locked") is None


def test_the_release_and_the_process(world: World) -> None:
    text = scrape(world)
    assert 'simwire_build_info{version="' in text
    assert "process_resident_memory_bytes" in text
    assert "python_info" in text
    assert "_created" not in text


def test_neither_numbers_nor_clients_are_in_it(world: World) -> None:
    world.post("/v1/messages", HELLO, client="a-client")
    world.get(f"/v1/messages?to={NUMBER}", client="a-client")
    world.app.test_client().get(f"/v1/nowhere/{NUMBER}")
    text = scrape(world)
    assert "447700" not in text
    assert "a-client" not in text


def test_who_may_look(world: World) -> None:
    client = world.app.test_client()
    far = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    assert client.get("/metrics", **far).status_code == 401  # type: ignore[arg-type]
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 401
    for scopes, status in ((("stats:read",), 200), (("admin",), 200), (("messages:read",), 403)):
        headers = {"Authorization": f"Bearer {world.key(scopes=scopes)}"}
        assert client.get("/metrics", headers=headers, **far).status_code == status  # type: ignore[arg-type]
    assert client.get("/metrics").content_type.startswith("text/plain; version=")


def test_a_store_that_fails_leaves_the_rest(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scrape(world)
    world.clock.advance(1)
    with world.store.database.read():  # the one connection that is there already
        away = tmp_path.rename(tmp_path.with_name("away"))
        text = scrape(world)
        away.rename(tmp_path)
    assert "simwire_queue_messages" not in text
    assert "simwire_modem_state" in text
    assert "the queue cannot be measured" in caplog.text


# -- the catalogue ----------------------------------------------------------------------------------------------------


def test_what_is_exposed_is_what_the_catalogue_names(world: World) -> None:
    world.post("/v1/messages", HELLO)
    send_one(world, 1)
    by_name = {family.name.removesuffix("_total").removesuffix("_info"): family for family in CATALOGUE}
    assert len(by_name) == len(CATALOGUE)
    exposed = {
        family.name.removesuffix("_info"): family
        for family in text_string_to_metric_families(scrape(world))
        if family.name.startswith("simwire_")
    }
    assert exposed.keys() == by_name.keys()
    for name, family in exposed.items():
        described = by_name[name]
        assert family.documentation == described.help
        assert family.type == ("gauge" if described.kind == "info" else described.kind)
        assert (family.name + "_total" == described.name) == (described.kind == "counter")
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(described.labels), name


def test_the_api_page_tells_of_every_metric_with_its_labels() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"`(simwire_\w+)(?:\{([\w,]+)\})?`", page)
    told = {name: set(labels.split(",")) - {""} for name, labels in found}
    assert told == {family.name: set(family.labels) for family in CATALOGUE}


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal("retry", "+CMS ERROR: 38 (network out of order)", 38), ("cms", "38")),
        (Refusal("retry", "+CMS ERROR: 60777 (vendor code)", 60777), ("cms", "vendor")),
        (Refusal("recover", "+CME ERROR: 100 (unknown)", 100), ("cme", "100")),
        (Refusal("uncertain", "+CMS ERROR: SOMETHING (no code)"), ("cms", "none")),
        (Refusal("recover", "ERROR"), ("none", "none")),
    ],
)
def test_errors_have_the_codes_of_the_standard(refusal: Refusal, error: tuple[str, str]) -> None:
    assert error_of(refusal) == error


def test_countries_without_end_are_one() -> None:
    countries = Countries()
    many = [f"{one}{two}" for one in "ABCDE" for two in "ABCDEFGHIJ"]
    labels = [countries.label(region) for region in many]
    assert labels == many[:MOST] + ["other"] * (len(many) - MOST)
    assert (countries.label("AA"), countries.label("EJ"), countries.label(None)) == ("AA", "other", "none")


def test_what_takes_long_to_ask_is_asked_seldom() -> None:
    clock, asked = FakeClock(), []

    def ask() -> int:
        clock.advance(0.5)
        asked.append(clock.boot())
        return len(asked)

    held = Held(ask, clock, 5.0)
    assert [held(), held()] == [1, 1]
    clock.advance(49.0)
    assert held() == 1
    clock.advance(1.5)
    assert held() == 2


# -- through modems ---------------------------------------------------------------------------------------------------


class Watched(Rig):
    """A sending gateway whose metrics are read."""

    def __init__(self, folder: Path, modems: int = 1, **options: Any) -> None:
        super().__init__(folder, modems, **options)
        self.metrics = Metrics(self.store, self.clock, self.fleet.views)
        self.fleet.witness, self.fleet.on_recovery = self.metrics, self.metrics.recovering
        self.ready()

    def until(self, message: Message, *states: str) -> None:
        for _ in range(400):
            if self.state(message) in states:
                return
            self.step(0.5)
        raise AssertionError(f"it is {self.state(message)}, not {states}")

    def shown(self, name: str, **labels: str) -> float | None:
        return parsed(self.metrics.exposition().decode()).get((name, frozenset(labels.items())))


def test_what_cannot_be_counted_goes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def trips(*_: object) -> None:
        raise OSError("no room")

    rig = Watched(tmp_path)
    monkeypatch.setattr(Counter, "inc", trips)
    monkeypatch.setattr(Histogram, "observe", trips)
    for number in range(3):  # one of them is claimed while another is on the air
        rig.send(to=f"+44770090010{number}")
    rig.step(20)
    assert rig.store.outbox.counts_by_state()[MessageState.DELIVERED] == 3
    assert len(rig.network.submits) == 3
    assert "was not counted" in caplog.text
    rig.store.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    rig = Watched(tmp_path)
    yield rig
    rig.store.close()


WAY = {"modem": "sim1", "country": "GB"}


def test_a_part_on_its_way_is_measured_three_times(watched: Watched) -> None:
    watched.fleet.pause("sim1")
    message = watched.send()
    watched.step(20)
    watched.clock.step_wall(3600)  # it is the boot clock that tells how long
    watched.fleet.resume("sim1")
    watched.until(message, "delivered")
    assert watched.shown("simwire_claim_seconds_count", **WAY) == 1
    waited = watched.shown("simwire_claim_seconds_sum", **WAY)
    assert waited is not None
    assert 20 <= waited < 30
    for family in ("simwire_submit_seconds", "simwire_delivery_seconds"):
        assert watched.shown(f"{family}_count", **WAY) == 1
        assert 0 < (watched.shown(f"{family}_sum", **WAY) or 0) < 60
    assert watched.shown("simwire_attempts_total", modem="sim1", kind="first") == 1
    assert watched.shown("simwire_attempt_results_total", modem="sim1", result="accepted") == 1
    ended = "simwire_messages_ended_total"
    assert watched.shown(ended, state="delivered", reason="none", lane="normal") == 1


def test_refusals_and_retries(watched: Watched) -> None:
    watched.modems["sim1"].inject(Fault(FaultStep.PDU, Refuse(38)))
    message = watched.send()
    watched.until(message, "delivered")
    error = {"class": "retry", "kind": "cms", "code": "38"}
    assert watched.shown("simwire_submit_errors_total", modem="sim1", **error) == 1
    assert watched.shown("simwire_attempt_results_total", modem="sim1", result="refused") == 1
    assert watched.shown("simwire_attempts_total", modem="sim1", kind="retry") == 1
    assert watched.shown("simwire_possible_duplicates_total", modem="sim1") == 0
    assert watched.shown("simwire_claim_seconds_count", **WAY) == 2
    assert (watched.shown("simwire_claim_seconds_sum", **WAY) or 0) < 2  # not the wait before it was due


def test_unknown_outcomes_and_copies(watched: Watched) -> None:
    watched.modems["sim1"].inject(Fault(FaultStep.PDU, LoseAnswer()))
    code = watched.code()
    watched.until(code, "delivered")
    watched.step(5)
    unknown = sum(result.startswith("outcome unknown") for result in watched.results(code))
    copies = sum(entry.possible_duplicate for entry in watched.store.outbox.timeline(code.id))
    assert unknown > 0
    assert copies > 0
    assert watched.shown("simwire_attempt_results_total", modem="sim1", result="unknown") == unknown
    assert watched.shown("simwire_attempts_total", modem="sim1", kind="resend") == copies
    assert watched.shown("simwire_possible_duplicates_total", modem="sim1") == copies


def test_what_ends_in_the_queue(watched: Watched) -> None:
    expired = {"state": "expired", "reason": "expired_in_queue", "lane": "bulk"}
    assert watched.shown("simwire_messages_ended_total", **expired) == 0
    watched.fleet.pause("sim1")
    message = watched.send(lane=Lane.BULK, lifetime=60.0)
    watched.until(message, "expired")
    assert watched.shown("simwire_messages_ended_total", **expired) == 1
    assert watched.shown("simwire_modem_usable", modem="sim1") == 0


def test_what_a_modem_and_its_sim_are_like(tmp_path: Path) -> None:
    rig = Watched(tmp_path, quotas=QuotaRules(per_hour=10))
    message = rig.send()
    rig.until(message, "delivered")
    quota = {"modem": "sim1", "quota": "per_hour"}
    assert rig.shown("simwire_modem_quota_limit", **quota) == 10
    assert rig.shown("simwire_modem_quota_kept", **quota) == 2
    assert rig.shown("simwire_modem_quota_left", **quota) == 9
    assert rig.shown("simwire_modem_usable", modem="sim1") == 1
    ways = {
        dict(labels)["registration"]: number
        for (name, labels), number in parsed(rig.metrics.exposition().decode()).items()
        if name == "simwire_modem_registration"
    }
    assert [way for way, number in ways.items() if number] == ["registered_home_network"]
    assert len(ways) == len(REGISTRATIONS)
    rig.store.close()


def test_received_messages_are_counted(world: World) -> None:
    assert value(world, "simwire_inbox_received_total", modem="sim1") == 0
    receive(world, NUMBER, "hello")
    assert value(world, "simwire_inbox_received_total", modem="sim1") == 1


def test_how_long_accepting_takes(world: World) -> None:
    world.post("/v1/messages", HELLO)
    world.post("/v1/messages", {"to": "12", "text": "hello"})
    world.post("/v1/otp", {"to": NUMBER, "purpose": "login"})
    world.get("/v1/messages")
    found = {
        (kind, result): value(world, "simwire_accept_seconds_count", kind=kind, result=result)
        for kind in ("message", "code")
        for result in ("accepted", "refused", "failed")
    }
    assert {pair: count for pair, count in found.items() if count} == {
        ("message", "accepted"): 1,
        ("message", "refused"): 1,
        ("code", "accepted"): 1,
    }


HOOK = """
[[webhook]]
name = "shop"
url = "http://127.0.0.1:9/"
allow_private = ["127.0.0.1"]
secret_file = "shop.secret"
"""


def test_what_waits_for_a_webhook(tmp_path: Path) -> None:
    (tmp_path / "shop.secret").write_text("s" * 32)
    world = World(tmp_path, HOOK)
    world.post("/v1/messages", HELLO)
    send_one(world, 1)
    world.clock.advance(10)
    world.webhooks.endpoints["shop"].turn()

    def shown(name: str, **labels: str) -> float | None:
        return parsed(world.metrics.exposition().decode()).get(
            (name, frozenset({("webhook", "shop"), *labels.items()}))
        )

    waiting = shown("simwire_webhook_waiting_events")
    assert waiting is not None
    assert waiting > 1
    assert shown("simwire_webhook_oldest_seconds") == 10
    assert shown("simwire_webhook_failures") == 1
    assert shown("simwire_webhook_deliveries_total", result="failed") == 1
    world.clock.advance(25 * 3600)
    world.webhooks.endpoints["shop"].turn()
    assert shown("simwire_webhook_deliveries_total", result="given_up") == waiting
    assert shown("simwire_webhook_waiting_events") == 0
    world.close()


def test_the_machine(world: World) -> None:
    assert (value(world, "simwire_disk_free_bytes") or 0) > 0
    assert value(world, "simwire_disk_low_bytes") == world.config.alarms.disk_free
    assert value(world, "simwire_disk_reserve_bytes") == world.store.database.reserve
    assert value(world, "simwire_database_bytes") == world.store.database.path.stat().st_size
    world.post("/v1/messages", HELLO)
    assert (value(world, "simwire_database_wal_bytes") or 0) > 0
    assert (value(world, "simwire_threads") or 0) >= 1
    limits = {lane: value(world, "simwire_queue_limit_seconds", lane=lane) for lane in ("otp", "normal", "bulk")}
    assert limits == {"otp": 30, "normal": 1800, "bulk": None}
