"""`simwire doctor` against simulated modems, sticks made of files, processes that hold ports, and a served gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli.looking import Machine
from hardware.simulator import EC25, GENERIC, HUAWEI, PHS8, SIM800, Fault, LoseRegistration, Personality, SimCard, Step
from tests.acceptance.harness import Gateway, World
from tests.gateway.cli.bench import OWN, checks, plugged, run, verdicts
from tests.hardware.machine import STORAGE, VENDOR, FakeMachine, Interface

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
[api]
port = 1
"""


@pytest.fixture
def made(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path / "machine")


def of(made: FakeMachine) -> Machine:
    return Machine(made.sysfs, made.proc, made.dev)


@contextmanager
def silent() -> Iterator[Path]:
    """A port that takes everything and says nothing, as those for diagnosis do."""
    master, slave = os.openpty()
    device = Path(os.ttyname(slave))
    os.close(slave)
    try:
        yield device
    finally:
        os.close(master)


@contextmanager
def holding(device: str) -> Iterator[int]:
    """A process that has a port open; its id."""
    script = (
        "import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", script, device]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


# -- one modem --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("personality", [GENERIC, HUAWEI, EC25, SIM800, PHS8], ids=lambda one: one.name)
def test_a_modem_that_is_well(tmp_path: Path, personality: Personality) -> None:
    with plugged(tmp_path, personality) as one:
        found = checks("--port", one.path)

    told = verdicts(found, one.path)
    assert told.pop("reports") == ("warn" if personality is PHS8 else "ok")
    assert told.pop("signal") in ("ok", "warn")
    assert set(told.values()) == {"ok"}, found
    assert set(told) == {
        "port", "at_port", "modem", "sim", "pin_tries", "radio", "registration", "service_centre", "storage",
        "pdu_mode", "link", "clock",
    }  # fmt: skip
    shown = json.dumps(list(found.values()))
    assert one.card is not None
    assert not [secret for secret in (OWN[1:], one.card.iccid, one.card.imsi, "490154203237518") if secret in shown]


def test_people_read_verdict_name_and_remedy(tmp_path: Path) -> None:
    with plugged(tmp_path, card=SimCard(pin="1234", tries=2)) as one:
        result = run("doctor", "--port", one.path)

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("  fail  sim "))
    assert "the SIM asks for its PIN" in lines[place]
    assert lines[place + 1].startswith("        → put the PIN into a file")
    assert lines[-1].startswith("1 failed, ")
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("tries", [3, 1])
def test_no_try_of_a_pin_is_spent_whatever_is_asked_for(tmp_path: Path, tries: int) -> None:
    config = tmp_path / "config.toml"
    (tmp_path / "sim1.pin").write_text("1234\n", encoding="ascii")
    with plugged(tmp_path / "ports", card=SimCard(pin="9999", tries=tries)) as one:
        config.write_text(f'{CONFIG}[[modem]]\nport = "{one.path}"\npin_file = "sim1.pin"\n', encoding="utf-8")
        found = checks("--config", str(config), "--test-sms", "--balance", "*100#")
        assert one.card is not None and one.card.tries == tries

    assert found["sim1", "sim"]["verdict"] == "warn" and "simwire serve" in found["sim1", "sim"]["remedy"]
    assert found["sim1", "pin_tries"]["verdict"] == ("ok" if tries == 3 else "fail")
    assert (found["sim1", "test_sms"]["verdict"], found["sim1", "balance"]["verdict"]) == ("skip", "skip")
    assert "1234" not in json.dumps(list(found.values()))


def test_a_modem_without_a_network(tmp_path: Path) -> None:
    with plugged(tmp_path) as one:
        one.server.call(lambda: one.modem.inject(Fault(Step.TIME, LoseRegistration(3, None), at=0.0)))
        found = checks("--port", one.path, "--send-to", OWN)
    assert found[one.path, "registration"]["verdict"] == "fail"
    assert found[one.path, "test_sms"]["verdict"] == "skip"


def test_credit_and_a_message_to_itself_only_where_asked_for(tmp_path: Path) -> None:
    with plugged(tmp_path) as one:
        quiet = checks("--port", one.path)
        assert not one.network.submits
        found = checks("--port", one.path, "--test-sms", "--balance", "*100#")
        assert len(one.network.submits) == 1

    assert not {"balance", "test_sms"} & {name for _, name in quiet}
    assert found[one.path, "balance"]["message"] == "the network says: Balance: £10.00"
    names = ("test_sms", "test_arrival", "test_report")
    assert [found[one.path, name]["verdict"] for name in names] == ["ok", "ok", "ok"]
    assert found[one.path, "test_arrival"]["facts"]["arrived_after"] < 30


def test_credit_as_it_is_configured(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    balance = "balance = {code = \"*100#\", pattern = '£([\\d.]+)', minimum = 20}"
    with plugged(tmp_path / "ports") as one:
        config.write_text(f'{CONFIG}[[modem]]\nport = "{one.path}"\n{balance}\n', encoding="utf-8")
        found = checks("--config", str(config))
    assert found["sim1", "balance"]["facts"] == {"amount": 10.0, "minimum": 20.0}
    assert found["sim1", "balance"]["verdict"] == "warn"
    assert found["machine", "gateway"]["verdict"] == "skip"


def test_where_the_own_number_is_not_known_it_says_how_to_send(tmp_path: Path) -> None:
    with plugged(tmp_path, card=SimCard(number="")) as one:
        found = checks("--port", one.path, "--test-sms")
    assert "--send-to" in found[one.path, "test_sms"]["remedy"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--test-sms", "--send-to", OWN), "give one of them"),
        (("--send-to", "07700900123"), "with its country"),
        (("--send-to", "+44"), "--send-to"),
        (("--balance", "1234"), "--balance"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], said: str) -> None:
    result = run("doctor", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize(("imei", "verdict"), [("490154203237518", "ok"), ("356938035643809", "fail")])
def test_another_modem_than_the_configured_one_is_told(tmp_path: Path, imei: str, verdict: str) -> None:
    config = tmp_path / "config.toml"
    with plugged(tmp_path / "ports") as one:
        config.write_text(f'{CONFIG}[[modem]]\nport = "{one.path}"\nimei = "{imei}"\n', encoding="utf-8")
        found = checks("--config", str(config))
    assert found["sim1", "identity"]["verdict"] == verdict


def test_a_modem_that_has_changed_its_port_is_found_by_its_imei(made: FakeMachine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with plugged(tmp_path / "ports") as one:
        made.link("ttyUSB1", Path(one.path))
        made.plug("1-1", "12d1:1001", Interface(VENDOR, "option", ("ttyUSB1",)))
        gone = made.dev / "ttyUSB0"
        modem = f'[[modem]]\nport = "{gone}"\nimei = "490154203237518"\n'
        config.write_text(CONFIG + modem, encoding="utf-8")
        found = checks("--config", str(config), machine=of(made))
    assert found["sim1", "port"]["verdict"] == "warn"
    assert (str(gone), "port") not in found
    assert verdicts(found, "1-1")["identity"] == "ok"


# -- ports ------------------------------------------------------------------------------------------------------------


def test_a_port_that_a_process_holds_is_not_opened(tmp_path: Path) -> None:
    with plugged(tmp_path) as one, holding(one.path) as pid:
        found = checks("--port", one.path)
    assert list(verdicts(found, one.path)) == ["port"]
    port = found[one.path, "port"]
    assert [(one["pid"], one["gateway"]) for one in port["facts"]["holders"]] == [(pid, False)]
    assert str(pid) in port["message"] and port["remedy"]


def test_where_every_modem_is_simulated_none_is_missing(made: FakeMachine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'{CONFIG}[[modem]]\nport = "simulator"\n', encoding="utf-8")
    found = checks("--config", str(config), machine=of(made))
    assert "fail" not in {one["verdict"] for one in found.values()}


def test_a_port_that_is_not_there() -> None:
    found = checks("--port", "/dev/ttyUSB77")
    assert verdicts(found, "/dev/ttyUSB77") == {"port": "fail"}


def test_of_a_sticks_ports_the_one_that_takes_commands_is_found(made: FakeMachine, tmp_path: Path) -> None:
    with silent() as diag, plugged(tmp_path / "ports", EC25) as one:
        made.link("ttyUSB0", diag)
        made.link("ttyUSB2", Path(one.path))
        made.plug(
            "1-1",
            "2c7c:0125",
            Interface(VENDOR, "option", ("ttyUSB0",), label="Quectel Diag"),
            Interface(VENDOR, "option"),
            Interface(VENDOR, "option", ("ttyUSB2",)),
        )
        stable = made.by_id("usb-Quectel_EC25-if02-port0", "ttyUSB2")
        found = checks(machine=of(made))

    port = found["1-1", "at_port"]
    assert port["facts"] == {
        "answering": [str(made.dev / "ttyUSB2")],
        "silent": [str(made.dev / "ttyUSB0")],
        "stable_name": stable,
    }
    assert f'port = "{stable}"' in port["message"]
    assert verdicts(found, "1-1")["modem"] == "ok"


def test_a_configuration_that_names_the_wrong_port_of_a_stick_is_put_right(made: FakeMachine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with silent() as diag, plugged(tmp_path / "ports") as one:
        wrong, right = made.link("ttyUSB0", diag), made.link("ttyUSB2", Path(one.path))
        ports = [Interface(VENDOR, "option", (name,)) for name in ("ttyUSB0", "ttyUSB2")]
        made.plug("1-1", "2c7c:0125", *ports)
        config.write_text(f'{CONFIG}[[modem]]\nport = "{wrong}"\n', encoding="utf-8")
        found = checks("--config", str(config), machine=of(made))

    port = found["sim1", "at_port"]
    assert (port["verdict"], port["facts"]["silent"]) == ("fail", [wrong])
    assert port["remedy"] == f'write in the configuration: port = "{right}"'
    assert found["sim1", "modem"]["verdict"] == "ok"


def test_a_machine_with_all_that_can_be_in_the_way(made: FakeMachine) -> None:
    made.plug("1-1", "12d1:1f01", Interface(STORAGE, "usb-storage"), maker="HUAWEI", name="Mass Storage")
    made.plug("1-2", "2c7c:0125", Interface(VENDOR, "option", ("ttyUSB0",)), Interface(VENDOR, "option", ("ttyUSB1",)))
    held = str(made.dev / "ttyUSB0")
    made.run(612, "ModemManager", cgroup="/system.slice/ModemManager.service", holds=(held,))
    found = checks(machine=of(made))

    assert "usb_modeswitch -v 12d1 -p 1f01" in found["1-1", "usb_mode"]["remedy"]
    assert found[held, "port"]["facts"]["holders"][0]["unit"] == "ModemManager.service"
    assert 'ATTR{idVendor}=="2c7c"' in found[held, "port"]["remedy"]
    assert "not a serial device" in found[str(made.dev / "ttyUSB1"), "port"]["message"]


def test_a_stick_of_which_a_gateway_holds_one_port_is_left_alone(made: FakeMachine) -> None:
    command = ("/opt/simwire/bin/simwire", "serve", "--config", "/etc/simwire/config.toml")
    made.run(700, "simwire", command=command, holds=(str(made.dev / "ttyUSB1"),))
    with silent() as free:
        made.link("ttyUSB0", free)
        made.plug("1-2", "2c7c:0125", *(Interface(VENDOR, "option", (name,)) for name in ("ttyUSB0", "ttyUSB1")))
        found = checks(machine=of(made))

    assert found[str(made.dev / "ttyUSB0"), "port"]["verdict"] == "ok"
    assert ("1-2", "at_port") not in found
    assert found[str(made.dev / "ttyUSB1"), "port"]["verdict"] == "ok"
    assert found["machine", "gateway"]["remedy"] == "name it: simwire doctor --config /etc/simwire/config.toml"


def test_a_machine_without_a_modem(made: FakeMachine) -> None:
    found = checks(machine=of(made))
    assert found["machine", "ports"]["verdict"] == "fail"
    assert run("doctor", machine=of(made)).exit_code == 1


# -- a gateway that serves --------------------------------------------------------------------------------------------


def test_a_gateway_that_serves_is_asked_and_not_disturbed(made: FakeMachine, tmp_path: Path) -> None:
    world = World(tmp_path, 1)
    gateway = Gateway(world.write_config(sim1='number = "+447700900151"'))
    try:
        gateway.start()
        gateway.make_key("modems:read", "messages:send", "messages:read", "inbox:read")
        gateway.until_ready(1)
        config = gateway.config
        port = gateway.url.rpartition(":")[2]
        config.write_text(config.read_text(encoding="utf-8").replace("port = 0", f"port = {port}"), encoding="utf-8")

        words = ("--config", str(config))
        without_key = checks(*words)
        found = checks(*words, "--test-sms", SIMWIRE_KEY=gateway.key)
        unseen = checks(*words, machine=of(made), SIMWIRE_KEY=gateway.key)  # a machine that shows nobody's processes
        by_port = checks("--port", str(world.server.path("sim1")))
        still = gateway.call("GET", "/v1/modems/sim1")[1]
    finally:
        gateway.stop()
        world.stop()

    assert without_key["machine", "gateway"]["verdict"] == "warn"
    assert "simwire keys create" in without_key["machine", "gateway"]["remedy"]
    assert ("sim1", "at_port") not in {**without_key, **found, **unseen}
    assert {one["verdict"] for (_, name), one in unseen.items() if name == "port"} == {"ok"}
    assert found["machine", "gateway"]["verdict"] == "ok"
    assert found["sim1", "modem"]["facts"]["state"] == "ready"
    assert [found["sim1", name]["verdict"] for name in ("test_sms", "test_arrival", "test_report")] == ["ok"] * 3
    assert str(config) in by_port["machine", "gateway"]["remedy"]
    assert (still["state"], still["recovery"], still["last_error"]) == ("ready", None, None)
