"""What is given for Prometheus and Grafana: it speaks of metrics that there are, and does what its own tests say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.alarms.rules import BY_ITSELF, SEARCHED_FOR, SEARCHES
from gateway.conditions import CONDITIONS
from gateway.messages import AttemptKind, MessageState, Reason
from gateway.metrics.catalogue import CATALOGUE
from gateway.objective import FEWEST_BAD, OBJECTIVES, RULES
from gateway.others import RESULTS
from gateway.recovery import NEW_THREAD, Step
from tests.gateway.test_api_stats import send_one
from tests.gateway.world import NUMBER, World

DOCS = Path(__file__).resolve().parent.parent / "docs"
PROMETHEUS = DOCS / "prometheus"
RULE_FILES = (PROMETHEUS / "rules.yml", PROMETHEUS / "alerts.yml")
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana" / "simwire.json").read_text(encoding="utf-8"))
PROMTOOL = shutil.which("promtool")

TARGET = {"job", "instance"}
"""The labels that Prometheus gives every series."""
OF_THE_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds",
                  "process_start_time_seconds", "up"}  # fmt: skip
VALUES: dict[tuple[str, str], set[str]] = {
    ("simwire_modem_condition", "condition"): set(CONDITIONS),
    ("simwire_modem_recoveries_total", "step"): {*Step, NEW_THREAD},
    ("simwire_attempts_total", "kind"): set(AttemptKind),
    ("simwire_attempt_results_total", "result"): set(RESULTS),
    ("simwire_messages_ended_total", "state"): set(MessageState),
    ("simwire_messages_ended_total", "reason"): set(Reason),
    ("simwire_objective_codes_total", "result"): {"good", "bad"},
    ("simwire_objective_codes_total", "objective"): {objective.name for objective in OBJECTIVES},
    ("simwire_webhook_deliveries_total", "result"): {"taken", "failed", "given_up"},
}
_METRIC = re.compile(r"\b((?:simwire[_:]|process_|up\b)[a-z0-9_:]*)(?:\{([^}]*)\})?(?!\w)")
_MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"([^\"]*)\"")
_GROUPING = re.compile(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)")


def rules() -> list[dict[str, Any]]:
    """Every rule of both files."""
    loaded = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULE_FILES]
    return [rule for file in loaded for group in file["groups"] for rule in group["rules"]]


ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def known() -> dict[str, set[str]]:
    """The labels of every series by its name, those of recording rules included."""
    found: dict[str, set[str]] = {name: set() for name in OF_THE_PROCESS}
    for family in CATALOGUE:
        if family.kind == "histogram":
            found[f"{family.name}_bucket"] = {*family.labels, "le"}
            found[f"{family.name}_sum"] = found[f"{family.name}_count"] = set(family.labels)
        else:
            found[family.name] = set(family.labels)
    for rule in rules():
        if "record" in rule:
            (by, *_) = _GROUPING.findall(rule["expr"])
            found[rule["record"]] = {label.strip() for label in by.split(",")} - {"le"}
    return found


KNOWN = known()


def mistakes(expression: str) -> list[str]:
    """What an expression asks for that there is not."""
    wrong, labels = [], {*TARGET}
    plain = re.sub(r"#.*", "", expression)
    for name, matchers in _METRIC.findall(_GROUPING.sub("", plain)):
        if name not in KNOWN:
            wrong.append(f"no metric {name}")
            continue
        labels |= KNOWN[name]
        for label, operator, value in _MATCHER.findall(matchers):
            if label not in KNOWN[name] | TARGET:
                wrong.append(f"{name} has no label {label}")
            possible = VALUES.get((name, label))
            if possible is not None and "$" not in value:
                asked = set(value.split("|")) if "~" in operator else {value}
                wrong += [f"{name}: {label} is never {one}" for one in sorted(asked - possible)]
    for group in _GROUPING.findall(plain):
        wrong += [f"nothing has {label}" for one in group.split(",") if (label := one.strip()) and label not in labels]
    return wrong


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of rules and dashboard, with where it stands."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], annotation["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            series, _, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rpartition(",")
            yield variable["name"], f"count by ({label.strip()}) ({series})"


def test_rules_and_dashboard_ask_for_what_there_is() -> None:
    wrong = {where: found for where, expression in expressions() if (found := mistakes(expression))}
    assert not wrong


@pytest.mark.parametrize(
    "expression",
    [
        "simwire_queue_mesages > 1",
        'simwire_queue_messages{modem="sim1"} > 1',
        "sum by (modem) (simwire_queue_messages)",
        'simwire_modem_condition{condition=~"sim_missing|sim_mislaid"} == 1',
        "simwire_submit_seconds > 1",
        "simwire:nothing:rate5m > 1",
    ],
)
def test_what_there_is_not_is_found(expression: str) -> None:
    assert mistakes(expression)


def test_everything_that_is_counted_is_shown() -> None:
    shown = {name for where, text in expressions() if where.startswith("panel") for name, _ in _METRIC.findall(text)}
    recorded = {name for rule in rules() if rule.get("record") in shown for name, _ in _METRIC.findall(rule["expr"])}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown | recorded}
    assert {family.name for family in CATALOGUE} - shown - {"simwire_modem_quota_kept"} == set()


def test_the_dashboard_can_be_imported() -> None:
    panels, variables = DASHBOARD["panels"], DASHBOARD["templating"]["list"]
    numbers = [panel["id"] for panel in panels]
    assert sorted(set(numbers)) == sorted(numbers)
    assert DASHBOARD["id"] is None
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("simwire", "Simwire")
    assert next(one for one in variables if one["type"] == "datasource")["name"] == "datasource"
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert rows == ["Delivery objective", "Queue", "Modems", "Errors", "Webhooks", "Host"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([one for _, one in expressions()])))
    assert used <= {one["name"] for one in variables} | {"__rate_interval", "__range"}


def test_the_objective_is_the_gateways_own() -> None:
    """The same shares, windows and least counts as in `gateway.objective`."""
    windows = {5: "5m", 30: "30m", 60: "1h", 360: "6h"}
    for name, rule in zip(("SimwireObjectiveBurningFast", "SimwireObjectiveBurningSlow"), RULES, strict=True):
        expression = ALERTS[name]["expr"]
        compared = re.findall(r"ratio_rate(\w+)\{objective=\"(\w+)\"\} >= ([\d.]+)", expression)
        assert {(window, objective, float(share)) for window, objective, share in compared} == {
            (windows[minutes], objective.name, round(rule.share(objective), 6))
            for objective in OBJECTIVES
            for minutes in (rule.long, rule.short)
        }
        assert f"simwire:objective_late:increase{windows[rule.long]} >= {FEWEST_BAD}" in expression


def test_who_needs_a_person_is_as_the_gateways_alarms_have_it() -> None:
    (passing,) = re.findall(r'condition!~"([^"]*)"', ALERTS["SimwireSimNeedsPerson"]["expr"])
    assert set(passing.split("|")) == BY_ITSELF | {SEARCHES}
    assert f'condition="{SEARCHES}"' in ALERTS["SimwireNoNetwork"]["expr"]
    assert ALERTS["SimwireNoNetwork"]["for"] == f"{SEARCHED_FOR / 60:g}m"


def test_each_alert_is_explained_and_tested() -> None:
    page = (DOCS / "monitoring.md").read_text(encoding="utf-8")
    headings = {heading.lower() for heading in re.findall(r"^### (\w+)$", page, re.MULTILINE)}
    linked = {rule["annotations"]["runbook"].removeprefix("docs/monitoring.md#") for rule in ALERTS.values()}
    assert linked == headings
    assert {rule["labels"]["severity"] for rule in ALERTS.values()} == {"critical", "warning"}
    told = [name for name, rule in ALERTS.items() if name.lower() not in headings and f"`{name}`" not in page]
    assert not told
    cases = yaml.safe_load((PROMETHEUS / "tests.yml").read_text(encoding="utf-8"))["tests"]
    fired = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]}
    assert fired == set(ALERTS)


def promtool(*words: object, given: bytes | None = None) -> None:
    """Have promtool look; what it says stands in the failure."""
    if PROMTOOL is None:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    done = subprocess.run([PROMTOOL, *map(str, words)], input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_promtool_accepts_configuration_and_rules() -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", "--lint-fatal", *RULE_FILES)


def test_rules_do_what_their_tests_say() -> None:
    promtool("test", "rules", PROMETHEUS / "tests.yml")


def test_promtool_accepts_what_is_exposed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.post("/v1/messages", {"to": NUMBER, "text": "hello"})
    send_one(world, 1)
    exposed = world.app.test_client().get("/metrics").data
    world.close()
    promtool("check", "metrics", given=exposed)
