"""The last moments of a driver: what came in is not lost with it, and whoever is told to end does nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.errors import ConnectionLost
from hardware.modem import ModemState
from hardware.profiles import GENERIC, ReportRoute
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
