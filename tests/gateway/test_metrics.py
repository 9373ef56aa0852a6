"""/metrics: what is counted, who may look, and that nothing in it tells of a person."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.alarms.lookout import Lookout
from gateway.api.shapes.modems import CanaryShape, ModemShape, RecoveryShape
from gateway.conditions import CONDITIONS
from gateway.directory import CANARY_STATES, MODEM_STATES, CanaryView
from gateway.metrics import Metrics
from gateway.recovery import Step
from tests.gateway.rig import Rig
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
    shown = {word: value(world, "simwire_modem_condition", modem="sim1", condition=word) for word in CONDITIONS}
    assert shown == {word: float(word == "sim_refused") for word in CONDITIONS}
    assert {value(world, "simwire_modem_condition", modem="sim2", condition=word) for word in CONDITIONS} == {0.0}
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
    """What `promtool check metrics` looks at, and that no label takes values without end."""
    text = scrape(world)
    families = list(text_string_to_metric_families(text))
    for family in families:
        assert text.count(f"# HELP {family.name} ") + text.count(f"# HELP {family.name}_total ") == 1, family.name
        assert family.documentation, family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert not re.search(r"_(milliseconds|ms|minutes|hours|count|sum|bucket|total|gauge|counter)$", family.name)
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            known = {"state", "lane", "modem", "step", "condition", "result", "rule", "method", "operation", "status"}
            if family.name.startswith("simwire_"):
                assert set(sample.labels) <= known | {"le", "from", "to", "version", "objective", "alarm", "severity"}


def test_steps_to_bring_a_modem_back(world: World) -> None:
    assert value(world, "simwire_modem_recoveries_total", modem="sim1", step="reset") == 0
    world.metrics.recovering("sim1", "reset")
    assert value(world, "simwire_modem_recoveries_total", modem="sim1", step="reset") == 1
    assert value(world, "simwire_modem_recoveries_total", modem="sim2", step="quarantine") == 0
    steps = get_args(get_args(RecoveryShape.model_fields["step"].annotation)[0])
    assert list(steps) == [step.value for step in Step]


def test_how_long_submits_take(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    metrics = Metrics(rig.store, rig.clock, rig.fleet.views)
    rig.fleet.on_submitted = metrics.submitted
    rig.ready()
    message = rig.send()
    begun = rig.clock.boot()
    while rig.state(message) not in ("sent", "delivered"):
        rig.step(0.5)
    took = rig.clock.boot() - begun
    found = parsed(metrics.exposition().decode())
    modem = frozenset({("modem", "sim1")})
    assert found["simwire_submit_seconds_count", modem] == 1
    assert 0 < found["simwire_submit_seconds_sum", modem] <= took
    assert found["simwire_messages_total", frozenset({("state", "sent"), ("lane", "normal")})] == 1
    rig.store.close()


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
