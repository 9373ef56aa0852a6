"""Ends: of a driver, with which nothing that came in is lost, and of a modem's run, by a restart on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.errors import CommandTimeout, ConnectionLost, SubmitUncertain
from hardware.modem import ModemState, NotReady, RestartLevel
from hardware.profiles import GENERIC, ReportRoute
from hardware.simulator import Fault, Rubbish, Step
from tests.contract.bench import Bench, Hooks

REPORT = "0791447700090000" + "06070C91447700091001" + "62113221430000" + "62113221530000" + "00"
CDS = f"\r\n+CDS: {len(REPORT) // 2 - 8}\r\n{REPORT}\r\n".encode()


class ToldToEndError(BaseException):
    """As the gateway's, which nothing handles."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench("4096", tmp_path)
    one.plug()
    yield one
    one.close()


def say_last(bench: Bench, command: str, then: BaseException) -> None:
    """In place of the answer to `command` comes a report, and after it nothing any more."""

    def end(_: bytes) -> bytes:
        raise then

    def answer(data: bytes) -> bytes:
        if not bench.written[-1].startswith(command):
            return data
        bench.on_read = end
        return CDS

    bench.on_read = answer


@pytest.mark.parametrize("then", [ConnectionLost("port", "gone"), ToldToEndError()])
def test_a_report_is_not_lost_with_the_port(bench: Bench, then: BaseException) -> None:
    """The modem has acknowledged it by itself (+CSMS: 0), so nobody else has it."""
    modem = bench.ready(profile=replace(GENERIC, report_routes=(ReportRoute.DIRECT,)))
    say_last(bench, "AT+CSQ", then)
    with pytest.raises(type(then)):
        modem.refresh()
    modem.close()
    assert [raw for raw, _ in bench.inbox.reports] == [REPORT]
    modem.close()
    assert len(bench.inbox.reports) == 1


def test_a_port_is_closed_also_where_the_inbox_takes_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    modem = bench.ready(profile=replace(GENERIC, report_routes=(ReportRoute.DIRECT,)))
    say_last(bench, "AT+CSQ", ConnectionLost("port", "gone"))
    with pytest.raises(ConnectionLost):
        modem.refresh()
    bench.inbox.fail = 1
    modem.close()
    assert modem.status.state is ModemState.ABSENT
    assert "1 reports or messages" in caplog.text


@pytest.mark.parametrize("route", [ReportRoute.DIRECT, ReportRoute.ACKNOWLEDGED])
def test_whoever_is_told_to_end_in_a_submit_does_nothing_more(bench: Bench, route: ReportRoute) -> None:
    class Ending(Hooks):
        def before_pdu(self) -> None:
            raise ToldToEndError

    modem = bench.ready(profile=replace(GENERIC, report_routes=(route,)))
    bench.on_read = lambda data: CDS + data if bench.written[-1].startswith("AT+CMGS") else data
    with pytest.raises(ToldToEndError):
        bench.submit(hooks=Ending(bench.inbox))
    assert bench.written[-2].startswith("AT+CMGS")
    assert bench.written[-1] == "\x1b"
    assert bench.inbox.reports == []
    modem.close()
    assert len(bench.inbox.reports) == 1
    assert bench.written[-1] == "\x1b"


@pytest.mark.parametrize("delay", [0.2, 4.0])
@pytest.mark.parametrize("line", ["+CPIN: NOT READY", "+CFUN: 0", "NORMAL POWER DOWN", None])
@pytest.mark.parametrize("before", [True, False])
def test_a_restart_has_begun_once_it_was_ordered(bench: Bench, delay: float, line: str | None, before: bool) -> None:
    """Also where the modem says something on its way down, or said something before."""
    bench.plug(reset_delay=delay)
    modem = bench.ready()
    if line is not None and before:
        bench.simulated.news(line)
        modem.service(0.1)
    elif line is not None:
        bench.on_write = lambda text: (
            bench.network.after(0.15, lambda: bench.simulated.news(line)) if text == "AT+CFUN=1,1" else None
        )
    modem.restart(RestartLevel.DEVICE)
    begun = bench.clock.boot()
    modem.bring_up()
    assert modem.ussd("*100#").text == "Credit: 12.50"
    assert bench.clock.boot() - begun < 20


def test_a_modem_that_says_that_it_has_started_is_not_waited_for(bench: Bench) -> None:
    modem = bench.ready()
    begun = bench.clock.boot()
    modem.restart(RestartLevel.DEVICE)
    assert bench.clock.boot() - begun < 1


def test_a_code_whose_answer_a_restart_takes_away_is_not_waited_for(bench: Bench) -> None:
    modem = bench.ready()
    bench.on_write = lambda text: (
        bench.network.after(0.01, bench.simulated.reboot) if text.startswith("AT+CUSD") else None
    )
    bench.inject(Fault(Step.COMMAND, Rubbish(b"\r\nOK\r\n"), command="+CUSD"))
    begun = bench.clock.boot()
    with pytest.raises(NotReady, match="restarted"):
        modem.ussd("*100#", 60.0)
    assert bench.clock.boot() - begun < 5


def test_a_result_that_comes_while_the_modem_is_set_up_anew_is_told(bench: Bench) -> None:
    """Nobody waits for it any more, and without it a message that was sent stays unknown, or is sent again."""
    modem = bench.ready()
    held: list[bytes] = []

    def hold(data: bytes) -> bytes:
        held.append(data)
        return b""

    def release(data: bytes) -> bytes:
        said, held[:] = b"".join(held), []
        return said + data

    bench.on_write = lambda text: setattr(bench, "on_read", hold) if text.endswith("\x1a") or len(text) > 40 else None
    with pytest.raises(SubmitUncertain):
        bench.submit()
    with pytest.raises(CommandTimeout):
        modem.resynchronise()
    bench.on_write, bench.on_read = lambda text: None, release
    modem.bring_up()
    assert modem.status.state is ModemState.READY
    assert bench.inbox.late == [0]
    assert modem.resynchronise() is None
