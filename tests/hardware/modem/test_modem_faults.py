"""Any faults in any order: nothing that came in is lost, what was accepted was sent, and the modem comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hardware.errors import CommandRejected, CommandTimeout, ConnectionLost, PortUnavailable, SubmitUncertain
from hardware.modem import CONFIGURED, ModemState, NotReady
from hardware.profiles import GENERIC, ReportRoute
from hardware.simulator import (
    EarlyReport,
    Fault,
    FillStorage,
    LoseAnswer,
    LoseRegistration,
    Reboot,
    Refuse,
    Rubbish,
    Silence,
    Slow,
    Step,
    Storm,
    Vanish,
)
from tests.contract.bench import HANDSET, OWN, Bench

LINES = ("+CREG: 5", "^RSSI:17", "RING", '+CMTI: "ME",77', '+CDSI: "SM",9', "+CDS: 25", "+CUSD: 4", "OK", "> ")
ACTIONS = st.one_of(
    st.sampled_from([Reboot(), Vanish(0.3), Vanish(0.3, reboot=False), LoseAnswer(), FillStorage(), EarlyReport(0.2)]),
    st.builds(Refuse, st.sampled_from([38, 42, 310, 314, 331, 332, 500, 512]), st.sampled_from(["CMS", "CME"])),
    st.builds(Silence, st.sampled_from([0.5, 3.0, 12.0])),
    st.builds(Slow, st.sampled_from([0.3, 4.0, 14.0])),
    st.builds(LoseRegistration, st.sampled_from([0, 2, 3]), st.sampled_from([0.5, 20.0])),
    st.builds(Rubbish, st.binary(max_size=12)),
    st.builds(Storm, st.tuples(st.sampled_from(LINES), st.sampled_from(LINES)), st.integers(1, 3)),
)
STEPS = st.sampled_from([step for step in Step if step is not Step.REPORT])
FAULTS = st.builds(Fault, STEPS, ACTIONS, nth=st.integers(1, 12))
ROUTES = st.sampled_from([ReportRoute.STORED, ReportRoute.DIRECT, ReportRoute.ACKNOWLEDGED])


class Owner:
    """What a gateway does with its modem, in few lines."""

    def __init__(self, bench: Bench, route: ReportRoute) -> None:
        self.bench = bench
        self.profile = replace(GENERIC, submit_timeout=10.0, report_routes=(route,))
        self.accepted: list[str] = []
        self.plugged = False

    def turn(self, text: str | None) -> None:
        try:
            if not self.plugged:
                self.bench.open(profile=self.profile)
                self.plugged = True
            modem = self.bench.modem
            if modem.status.state is not ModemState.READY:
                modem.bring_up()
            if text is not None and modem.status.state is ModemState.READY:
                self.submit(text)
            modem.service(0.5)
            if modem.status.state in CONFIGURED:
                modem.refresh()
                if text is None:
                    modem.sweep()
        except (ConnectionLost, PortUnavailable):
            self.plugged = False
            self.bench.wait(0.5)
        except CommandTimeout:
            self.bench.wait(0.5)

    def submit(self, text: str) -> None:
        try:
            self.bench.submit(text)
        except (CommandRejected, NotReady):
            return
        except SubmitUncertain:
            late = self.bench.modem.resynchronise()
            if late is None or late.reference is None:
                return
        self.accepted.append(text)


@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(faults=st.lists(st.tuples(st.integers(0, 7), FAULTS), max_size=6), route=ROUTES)
def test_nothing_is_lost_whatever_happens(faults: list[tuple[int, Fault]], route: ReportRoute) -> None:
    bench = Bench("3", Path())
    bench.plug()
    owner = Owner(bench, route)
    incoming = []
    for turn in range(8):
        for when, fault in faults:
            if when == turn:
                bench.simulated.inject(fault)
        incoming.append(f"in {turn}")
        bench.network.send_from(HANDSET, incoming[-1], OWN)
        owner.turn(f"out {turn}")
    bench.simulated.clear_faults()
    started = bench.clock.boot()
    while not (owner.plugged and bench.modem.status.state is ModemState.READY and bench.clock.boot() > started + 40):
        assert bench.clock.boot() < started + 300, bench.modem.status
        owner.turn(None)
    owner.submit("last")
    assert "last" in owner.accepted
    for _ in range(10):
        owner.turn(None)
    assert set(owner.accepted) <= set(bench.texts)
    received = {message.user_data.text for _, message in bench.inbox.messages if message is not None}
    assert set(incoming) <= received
    assert bench.stored == 0
