"""Each family: its row is found, the simulated modem comes up by it, sends, and reports come or are not promised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.at.results import ErrorClass
from hardware.errors import ConnectionLost, MessageServiceError
from hardware.modem import ModemState, RestartLevel
from hardware.profiles import GENERIC, PROFILES, Profile, ReportRoute, profile_for
from hardware.simulator import PERSONALITIES, Fault, Refuse, Step
from tests.contract.bench import HANDSET, OWN, Bench

ROWS = {
    "generic": ("generic", "direct"),
    "huawei": ("huawei", "direct"),
    "huawei_lte": ("huawei-lte", "direct"),
    "zte": ("zte", "stored"),
    "sim800": ("simcom-800", "direct"),
    "sim7600": ("simcom-7600", "direct"),
    "ec25": ("quectel", "direct"),
    "sierra": ("sierra", "stored"),
    "cinterion": ("cinterion", "stored"),
    "phs8": ("cinterion", "polled"),
    "ublox": ("u-blox", "direct"),
    "telit": ("telit", "direct"),
    "wavecom": ("wavecom", "direct"),
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench("7", tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_a_family_from_power_on_to_a_report_and_back(bench: Bench, name: str) -> None:
    bench.plug(PERSONALITIES[name])
    bench.simulated.reboot()
    bench.wait(bench.simulated.personality.boot.port)
    modem = bench.ready()
    status = modem.status
    assert status.state is ModemState.READY, status
    assert (status.profile, status.report_route) == ROWS.get(name, ("generic", "direct"))
    assert status.identity.iccid == bench.sim.iccid
    assert status.identity.imsi == bench.sim.imsi
    reference = bench.submit()
    if status.reports_promised:
        bench.until(lambda: bench.inbox.references == [reference], 30)
    bench.network.send_from(HANDSET, "long " * 60, OWN)
    bench.until(lambda: len(bench.inbox.messages) == 2 and bench.stored == 0, 60)
    assert bench.inbox.text == "long " * 60
    bench.until(lambda: bench.texts == ["Your code is 123456"])


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_ussd_text_and_ucs2_by_each_family(bench: Bench, name: str) -> None:
    bench.plug(PERSONALITIES[name])
    modem = bench.ready()
    assert modem.ussd("*100#").text == "Credit: 12.50"
    if PERSONALITIES[name].ussd == "ucs2":
        assert modem.ussd("*101#").text == "Привет"


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_a_restart_on_demand(bench: Bench, name: str) -> None:
    bench.plug(PERSONALITIES[name])
    modem = bench.ready()
    try:
        modem.restart(RestartLevel.DEVICE)
        assert modem.status.state is ModemState.CONFIGURING
    except ConnectionLost:
        assert modem.status.state is ModemState.ABSENT
    bench.wait(30)
    assert bench.ready().status.state is ModemState.READY


@pytest.mark.parametrize(
    "route", [ReportRoute.STORED, ReportRoute.DIRECT, ReportRoute.ACKNOWLEDGED], ids=lambda route: route.value
)
def test_reports_come_by_every_route(bench: Bench, route: ReportRoute) -> None:
    modem = bench.ready(profile=replace(GENERIC, report_routes=(route,)))
    assert modem.status.report_route == route.value
    references = [bench.submit(text) for text in "abcde"]
    bench.until(lambda: set(bench.inbox.references) == set(references))
    assert bench.stored == 0


def test_a_report_that_is_announced_under_the_wrong_memory_is_found(bench: Bench) -> None:
    bench.plug(PERSONALITIES["ec25"])
    row = profile_for("Quectel", "EC25")
    modem = bench.ready(profile=replace(row, report_routes=(ReportRoute.STORED,)))
    assert modem.status.report_route == "stored"
    reference = bench.submit()
    bench.until(lambda: bench.inbox.references == [reference])
    assert bench.stored == 0


@pytest.mark.parametrize(
    ("maker", "model", "row"),
    [
        ("huawei", "E1752", "huawei"),
        ("Huawei Technologies Co., Ltd.", "E3372", "huawei-lte"),
        ("huawei", "K3715", "huawei"),
        ("ZTE INCORPORATED", "K3565-Z", "zte"),
        ("ZTE CORPORATION", "MF190", "zte"),
        ("SIMCOM_Ltd", "SIMCOM_SIM800L", "simcom-800"),
        ("SIMCOM_Ltd", "SIM900", "simcom-800"),
        ("SIMCOM INCORPORATED", "SIMCOM_SIM7600E-H", "simcom-7600"),
        ("Quectel", "EC21", "quectel"),
        ("Sierra Wireless, Incorporated", "MC7304", "sierra"),
        ("SIEMENS", "TC35i", "cinterion"),
        ("Cinterion", "EHS6", "cinterion"),
        ("u-blox", "SARA-U201", "u-blox"),
        ("Telit", "UE910", "telit"),
        (" WAVECOM MODEM", "MULTIBAND  900E  1800", "wavecom"),
        ("QUALCOMM INCORPORATED", "M6280", "generic"),
        (None, None, "generic"),
    ],
)
def test_the_row_for_what_a_modem_says_of_itself(maker: str | None, model: str | None, row: str) -> None:
    assert profile_for(maker, model).name == row


@pytest.mark.parametrize("row", [GENERIC, *PROFILES], ids=lambda row: row.name)
def test_each_row_names_its_source_and_promises_bounded_waits(row: Profile) -> None:
    assert len(row.source) > 20
    assert 0 < row.boot_wait <= 30
    assert 0 < row.submit_timeout <= 180
    assert row.report_routes[-1] is ReportRoute.ACKNOWLEDGED
    assert all(command.startswith("AT") for command in row.quiet)


def test_a_vendor_code_is_classed_by_its_row(bench: Bench) -> None:
    bench.plug(PERSONALITIES["ec25"])
    modem = bench.ready()
    bench.inject(Fault(Step.PDU, Refuse(350)))
    with pytest.raises(MessageServiceError) as refused:
        bench.submit()
    assert modem.classify(refused.value) is ErrorClass.UNCERTAIN
