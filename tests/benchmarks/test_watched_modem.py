"""What the oracle of a chaos run is told of a report that its modem took and never handed on."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.chaos.evidence import Evidence, Part
from benchmarks.chaos.told import Ledger, Told
from benchmarks.chaos.truth import Truth
from benchmarks.watched_modem import Record, WatchedModem
from hardware.clock import FakeClock
from hardware.simulator import PERSONALITIES, SimCard, SimulatedNetwork

IMSI, NUMBER = "001010000000001", "+447700900101"
PDU = "0021000C914477009010010000" + "05E8329BFD06"  # a report is asked for; "hello"


class Line:
    """A modem that hands reports over at once, and has sent one message."""

    def __init__(self, family: str) -> None:
        self.network, self.record = SimulatedNetwork(FakeClock()), Record()
        self.modem = WatchedModem(
            self.network, SimCard(imsi=IMSI, number="+447700950001"), PERSONALITIES[family], self.record, name="sim1"
        )
        self.pass_time(30.0)
        for command in ("ATE0", "AT+CMGF=0", "AT+CNMI=2,1,0,1,0"):
            self.write(f"{command}\r")
        self.write(f"AT+CMGS={len(PDU) // 2 - 1}\r")
        self.write(f"{PDU}\x1a")
        while not self.network.submits:
            self.pass_time(0.01)

    def write(self, text: str) -> None:
        self.modem.feed(text.encode())
        self.pass_time(0.5)

    def pass_time(self, seconds: float) -> None:
        self.network.clock.advance(seconds)  # type: ignore[attr-defined]
        self.network.run_due()

    @property
    def fates(self) -> list[str]:
        return [fate for *_, fate, _ in self.record.reports]


@pytest.mark.parametrize(
    ("family", "waits", "fates"),
    [
        ("sim800", True, ["left", "came", "held"]),
        ("sim800", False, ["left", "came"]),
        ("huawei", True, ["left", "came"]),  # it talks at a prompt too
    ],
)
def test_a_report_that_is_held_back_at_a_prompt_goes_with_its_modem(family: str, waits: bool, fates: list[str]) -> None:
    line = Line(family)
    if waits:
        line.write("AT+CMGS=20\r")
    line.pass_time(5.0)
    line.modem.vanish(5.0)
    assert line.fates == fates


@pytest.mark.parametrize(("fate", "wrong"), [("held", False), ("came", True)])
def test_only_a_report_that_its_modem_gave_may_be_asked_of_the_gateway(fate: str, wrong: bool) -> None:
    told = Told("m1", NUMBER, "M00000001", asked=100.0, answered=100.1, lifetime=10.0)
    attempt: dict[str, Any] = {
        "id": 1,
        "part": 1,
        "imsi": IMSI,
        "mr": 7,
        "state": "accepted",
        "report": 1,
        "report_status": None,
    }
    evidence = Evidence(
        Ledger([told]),
        messages={"m1": {"state": "expired", "reason": "expired_unconfirmed", "parts": 1, "final": 1}},
        timelines={"m1": []},
        attempts={"m1": [attempt]},
        kept_reports={},
        submits={NUMBER: [Part(101.0, IMSI, NUMBER, 7, "M00000001 hello", None)]},
        pdus={},
        shown={},
        reports={(IMSI, 7, NUMBER): [(101.2, "left", 0), (101.2, "came", 0), (102.1, fate, 0)]},
        faults=[],
        windows=[],
        boots=[],
        lives=[],
        events=[],
        log="",
    )
    assert (Truth(evidence).fault_in(told, evidence.messages["m1"]) is not None) is wrong
