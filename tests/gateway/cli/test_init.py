"""`simwire init`: what it writes can be used, what it must not do it does not, and each question has an option."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli.failure import Failure
from gateway.cli.founding import Plan, found, put
from gateway.cli.looking import Machine
from gateway.config import ConfigError, load
from gateway.config.writing import Value, example, written
from gateway.messages import Secret
from hardware.simulator import SimCard
from tests.gateway import pems
from tests.gateway.cli.bench import OWN, Plugged, plugged, run
from tests.gateway.cli.test_doctor import silent
from tests.hardware.machine import STORAGE, VENDOR, FakeMachine, Interface

ORGANISATION = ("--organisation", "Example Bank")


@pytest.fixture
def made(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path / "machine")


@pytest.fixture
def bare(made: FakeMachine) -> Machine:
    return Machine(made.sysfs, made.proc, made.dev)


def with_stick(made: FakeMachine, one: Plugged) -> Machine:
    """A machine with one stick, whose only port is the simulated modem's."""
    made.link("ttyUSB0", Path(one.path))
    made.plug("1-1", "12d1:1001", Interface(VENDOR, "option", ("ttyUSB0",)))
    return Machine(made.sysfs, made.proc, made.dev)


def init(config: Path, *words: str, machine: Machine | None = None, stdin: str | None = None) -> Any:
    """`simwire init --json`, which must succeed; its document."""
    result = run("init", "--config", str(config), *words, "--json", machine=machine, stdin=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_modem_is_found_and_a_configuration_written_that_can_be_used(made: FakeMachine, tmp_path: Path) -> None:
    config = tmp_path / "etc" / "config.toml"
    with plugged(tmp_path / "ports") as one:
        machine = with_stick(made, one)
        stable = made.by_id("usb-HUAWEI_Mobile-if00-port0", "ttyUSB0")
        told = init(config, *ORGANISATION, "--yes", machine=machine)

    read = load(config)
    (modem,) = read.modem
    assert (modem.name, modem.port, modem.imei, modem.number) == ("sim1", stable, "490154203237518", OWN)
    assert (read.gateway.organisation, read.gateway.country, read.api.port) == ("Example Bank", "GB", 8080)
    assert told["country"] == "GB"  # by the SIM's own number
    assert run("config", "check", str(config)).exit_code == 0
    listed = json.loads(run("keys", "list", "--config", str(config), "--json").stdout)["items"]
    assert [(key["id"], key["name"]) for key in listed] == [(told["key"]["id"], "first")]
    assert "admin" not in listed[0]["scopes"]
    assert {name: mode(config.parent / name) for name in ("config.toml", "simwire.db", "simwire.key")} == {
        "config.toml": 0o640, "simwire.db": 0o600, "simwire.key": 0o600,
    }  # fmt: skip
    assert not [path for path in config.parent.iterdir() if path.name.startswith(".")]


def test_every_question_is_asked_and_an_answer_that_cannot_be_is_asked_again(bare: Machine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    answers = ["", "Example Bank", "Utopia", "fr", str(tmp_path / "data"), "127.0.0.1:8090", "simulator"]
    result = run("init", "--config", str(config), machine=bare, stdin="\n".join(answers) + "\n")

    assert result.exit_code == 0, result.output
    read = load(config)
    assert (read.gateway.country, read.api.port, read.modem[0].port) == ("FR", 8090, "simulator")
    assert read.gateway.database == tmp_path / "data" / "simwire.db"
    assert mode(tmp_path / "data") == 0o700
    assert "shown only now: sw_" in result.stdout
    assert result.stdout.endswith(f"next: simwire serve --config {config}\n")


def test_without_a_modem_the_first_one_that_comes_is_waited_for(bare: Machine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    told = init(config, *ORGANISATION, "--country", "DE", "--yes", machine=bare)
    assert told["modems"] == [{"name": "sim1", "port": "auto", "pin_file": None}]
    assert load(config).modem[0].imei is None


def test_without_questions_what_is_needed_must_be_given(bare: Machine, tmp_path: Path) -> None:
    result = run("init", "--config", str(tmp_path / "c.toml"), "--yes", machine=bare)
    assert (result.exit_code, "--organisation" in result.stderr) == (2, True)
    result = run("init", "--config", str(tmp_path / "c.toml"), *ORGANISATION, "--yes", machine=bare)
    assert (result.exit_code, "--country" in result.stderr) == (2, True)
    assert not (tmp_path / "c.toml").exists()


def test_what_keeps_a_stick_from_being_found_is_told(made: FakeMachine, bare: Machine, tmp_path: Path) -> None:
    """One that is a CD-ROM still, and a port that answers nothing."""
    made.plug("1-1", "12d1:1f01", Interface(STORAGE, "usb-storage"), maker="HUAWEI", name="Mass Storage")
    words = (*ORGANISATION, "--country", "GB", "--yes")
    told = run("init", "--config", str(tmp_path / "a.toml"), *words, machine=bare).stderr
    assert "shows itself as a CD-ROM" in told
    assert "usb-modeswitch" in told
    with silent() as port:
        made.plug("1-2", "2c7c:0125", Interface(VENDOR, "option", (Path(made.link("ttyUSB7", port)).name,)))
        told = run("init", "--config", str(tmp_path / "b.toml"), *words, machine=bare).stderr
    assert f"nothing answers AT commands at {made.dev}/ttyUSB7" in told


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_asked(
    bare: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.init.os.access", lambda path, _: path != tmp_path)  # root may write anywhere
    result = run("init", "--config", str(tmp_path / "etc" / "c.toml"), machine=bare, stdin="")
    assert (result.exit_code, f"you may not write to {tmp_path}: run it with sudo" in result.stderr) == (1, True)
    assert "Organisation" not in result.output


def test_a_name_that_no_key_may_have_is_refused_before_anything_is_made(bare: Machine, tmp_path: Path) -> None:
    words = (*ORGANISATION, "--country", "GB", "--key-name", "")
    result = run("init", "--config", str(tmp_path / "c.toml"), *words, "--yes", machine=bare)
    assert (result.exit_code, "name: text on one line" in result.stderr) == (2, True), result.output
    assert list(tmp_path.glob("*.*")) == []


def test_several_modems_each_get_a_table(bare: Machine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with plugged(tmp_path / "ports") as one:
        words = ("--modem", "simulator", "--modem", one.path, "--modem", "auto")
        init(config, *ORGANISATION, *words, "--yes", machine=bare)
    read = load(config).modem
    assert [(modem.name, modem.port) for modem in read] == [("sim1", "simulator"), ("sim2", one.path), ("sim3", "auto")]
    assert [modem.imei for modem in read] == [None, "490154203237518", None]


# -- what is secret ---------------------------------------------------------------------------------------------------


def test_a_pin_goes_into_a_private_file_and_is_not_tried(made: FakeMachine, tmp_path: Path) -> None:
    config, given = tmp_path / "config.toml", tmp_path / "given"
    given.write_text("4711\n", encoding="ascii")
    with plugged(tmp_path / "ports", card=SimCard(pin="9999")) as one:
        machine = with_stick(made, one)
        words = ("--country", "GB", "--pin-file", str(given), "--data", str(tmp_path / "data"), "--yes")
        result = run("init", "--config", str(config), *ORGANISATION, *words, machine=machine)
        assert one.card is not None and one.card.tries == 3

    assert result.exit_code == 0, result.output
    pin_file = tmp_path / "data" / "sim1.pin"
    assert load(config).modem[0].pin_file == pin_file
    assert (pin_file.read_text(encoding="ascii"), mode(pin_file)) == ("4711\n", 0o600)
    assert "4711" not in result.output + config.read_text(encoding="utf-8")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_can_be_read_by_the_service(made: FakeMachine, tmp_path: Path) -> None:
    data, given = tmp_path / "data", tmp_path / "given"
    data.mkdir()
    os.chown(data, 65534, 65533)
    given.write_text("4711\n", encoding="ascii")
    with plugged(tmp_path / "ports", card=SimCard(pin="9999")) as one:
        words = ("--country", "GB", "--pin-file", str(given), "--data", str(data), "--yes")
        init(tmp_path / "config.toml", *ORGANISATION, *words, machine=with_stick(made, one))

    owners = {
        path.name: (path.stat().st_uid, path.stat().st_gid) for path in (*data.iterdir(), tmp_path / "config.toml")
    }
    assert owners == {
        "config.toml": (0, 65533),
        **dict.fromkeys(("simwire.db", "simwire.key", "sim1.pin"), (65534, 65533)),
    }


def test_a_pin_is_asked_for_with_the_tries_that_are_left(made: FakeMachine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with plugged(tmp_path / "ports", card=SimCard(pin="9999", tries=2)) as one:
        machine = with_stick(made, one)
        words = ("--country", "GB", "--data", str(tmp_path), "--listen", "127.0.0.1:8080")
        result = run("init", "--config", str(config), *ORGANISATION, *words, machine=machine, stdin="12\n4711\n")

    assert result.exit_code == 0, result.output
    assert "2 tries left" in result.stderr and "4 to 8 digits" in result.stderr
    pin = load(config).modem[0].read_pin()
    assert pin is not None and pin.reveal() == "4711"
    assert "4711" not in result.output


def test_with_the_last_try_left_no_pin_is_asked_for(made: FakeMachine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with plugged(tmp_path / "ports", card=SimCard(pin="9999", tries=1)) as one:
        machine = with_stick(made, one)
        words = ("--country", "GB", "--data", str(tmp_path), "--listen", "127.0.0.1:8080")
        result = run("init", "--config", str(config), *ORGANISATION, *words, machine=machine, stdin="")
    assert (result.exit_code, "last try" in result.stderr) == (0, True)
    assert load(config).modem[0].pin_file is None


def test_a_pin_file_too_many_is_refused_before_anything_is_made(bare: Machine, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text("4711\n", encoding="ascii")
    words = ("--country", "GB", "--pin-file", str(given), "--yes")
    result = run("init", "--config", str(tmp_path / "c.toml"), *ORGANISATION, *words, machine=bare)
    assert result.exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given", "machine"]


def test_the_key_is_shown_once_and_works(bare: Machine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    told = init(config, *ORGANISATION, "--country", "GB", "--yes", machine=bare)
    key = told["key"]["key"]
    assert key.startswith("sw_")
    assert key not in run("keys", "list", "--config", str(config)).output

    again = init(config, *ORGANISATION, "--country", "GB", "--yes", "--force", machine=bare)
    assert again["key"] is None  # there is one in force


# -- what is there already, and what cannot be ------------------------------------------------------------------------


def test_a_configuration_that_is_there_is_kept(bare: Machine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("mine\n", encoding="utf-8")
    words = ("init", "--config", str(config), *ORGANISATION, "--country", "GB", "--yes")
    refused = run(*words, machine=bare)
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert config.read_text(encoding="utf-8") == "mine\n"

    assert run(*words, "--force", machine=bare).exit_code == 0
    assert load(config).gateway.country == "GB"


def test_a_configuration_that_somebody_makes_meanwhile_is_kept(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("mine\n", encoding="utf-8")
    plan = Plan(config, tmp_path, "Example Bank", "GB", modems=[{"name": "sim1", "port": "auto"}])
    with pytest.raises(Failure, match="--force"):
        found(plan, replace=False)
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
    assert config.read_text(encoding="utf-8") == "mine\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--country", "XX"), "gateway.country"),
        (("--country", "GB", "--listen", "0.0.0.0:8080"), "clear text"),
        (("--country", "GB", "--modem", "socket://[::1]:1", "--modem", "socket://[::1]:1"), "two modems"),
    ],
)
def test_of_a_configuration_that_would_not_be_good_nothing_is_left(
    bare: Machine, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    config = tmp_path / "new" / "config.toml"
    result = run("init", "--config", str(config), *ORGANISATION, *words, "--yes", machine=bare)
    assert (result.exit_code, problem in result.stderr) == (1, True), result.output
    assert str(config) in result.stderr
    assert list(config.parent.iterdir()) == []


def test_a_pin_of_another_configuration_is_kept(tmp_path: Path) -> None:
    pin = tmp_path / "sim1.pin"
    pin.write_text("1111\n", encoding="ascii")

    def plan(country: str) -> Plan:
        modems: list[dict[str, Value]] = [{"name": name, "port": f"/dev/{name}"} for name in ("sim1", "sim2")]
        pins = {name: Secret("4711") for name in ("sim1", "sim2")}
        return Plan(tmp_path / "b.toml", tmp_path, "Example Bank", country, modems=modems, pins=pins)

    with pytest.raises(Failure, match=r"sim1\.pin exists and holds another PIN; --force"):
        found(plan("GB"), replace=False)
    with pytest.raises(ConfigError, match="country"):
        found(plan("XX"), replace=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"sim1.pin": "1111\n"}
    found(plan("GB"), replace=True)
    assert pin.read_text(encoding="ascii") == "4711\n"
    (tmp_path / "b.toml").unlink()
    found(plan("GB"), replace=False)  # the same PIN again


def test_of_a_secret_that_cannot_be_written_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway.cli.founding.os.fsync", full)
    for replace in (False, True):
        with pytest.raises(OSError, match="No space"):
            put(tmp_path / "sim1.pin", "4711\n", 0o600, tmp_path, replace=replace)
    assert list(tmp_path.iterdir()) == []


def test_with_a_certificate_others_may_reach_it(bare: Machine, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    cert, key = pems.make("gateway").write(tmp_path)
    listen = ("--listen", "0.0.0.0:8443", "--tls-cert", str(cert), "--tls-key", str(key))
    init(config, *ORGANISATION, "--country", "GB", *listen, "--yes", machine=bare)
    assert load(config).api.scheme == "https"


def test_an_old_database_is_kept_and_one_without_its_key_file_refused(bare: Machine, tmp_path: Path) -> None:
    words = (*ORGANISATION, "--country", "GB", "--yes")
    init(tmp_path / "a.toml", *words, machine=bare)
    before = (tmp_path / "simwire.key").read_bytes()
    init(tmp_path / "b.toml", *words, machine=bare)
    assert (tmp_path / "simwire.key").read_bytes() == before

    (tmp_path / "simwire.key").unlink()
    result = run("init", "--config", str(tmp_path / "c.toml"), *words, machine=bare)
    assert (result.exit_code, "simwire.key" in result.stderr) == (1, True)
    assert not (tmp_path / "c.toml").exists()


# -- a first message --------------------------------------------------------------------------------------------------


def test_a_test_message_is_sent_where_it_is_asked_for(made: FakeMachine, tmp_path: Path) -> None:
    with plugged(tmp_path / "ports") as one:
        machine = with_stick(made, one)
        words = (*ORGANISATION, "--yes")
        assert init(tmp_path / "a.toml", *words, machine=machine)["test"] == []
        assert not one.network.submits
        told = init(tmp_path / "b.toml", *words, "--send-to", "07700 900123", machine=machine)
        (message,) = one.server.call(lambda: list(one.network.handset("+447700900123").messages))

    assert [(check["check"], check["verdict"]) for check in told["test"]] == [("test_sms", "ok"), ("test_report", "ok")]
    assert message.text is not None and message.text.startswith("Simwire test ")


def test_the_key_is_shown_though_the_test_message_cannot_be_sent(bare: Machine, tmp_path: Path) -> None:
    words = (*ORGANISATION, "--country", "GB", "--send-to", "+447700900123", "--yes")
    config = tmp_path / "config.toml"
    result = run("init", "--config", str(config), *words, machine=bare)
    assert (result.exit_code, "everything else is made" in result.stdout) == (1, True)
    assert "shown only now: sw_" in result.stdout
    assert load(config).gateway.country == "GB"

    result = run("init", "--config", str(tmp_path / "b" / "config.toml"), *words, "--json", machine=bare)
    told = json.loads(result.stdout)
    assert (result.exit_code, [check["verdict"] for check in told["test"]]) == (1, ["fail"])
    assert told["key"]["key"].startswith("sw_")


# -- the text ---------------------------------------------------------------------------------------------------------


def test_what_is_not_decided_is_as_without_a_file(tmp_path: Path) -> None:
    full, short = tmp_path / "full.toml", tmp_path / "short.toml"
    modems = ({"name": "sim1", "port": "auto"}, {"name": "sim2", "port": "/dev/ttyUSB0", "imei": "490154203237518"})
    full.write_text(written({"gateway": {"organisation": "A", "country": "GB"}}, modems), encoding="utf-8")
    short.write_text(
        '[gateway]\norganisation = "A"\ncountry = "GB"\n[[modem]]\nport = "auto"\n[[modem]]\nport = "/dev/ttyUSB0"\n'
        'imei = "490154203237518"\n',
        encoding="utf-8",
    )
    assert load(full) == load(short)


def test_every_key_of_the_example_is_explained_in_it() -> None:
    text = written({"gateway": {"organisation": "A", "country": "GB"}}, [{"name": "sim1", "port": "auto"}])
    for section, table in tomllib.loads(example()).items():
        keys = table[0] if isinstance(table, list) else table
        for key in keys:
            assert f"# {key} = " in text or f"\n{key} = " in text or f"[{section}.{key}]" in text, f"{section}.{key}"


def test_the_example_is_the_one_that_people_read() -> None:
    root = Path(__file__).parents[3] / "config.example.toml"
    assert example() == root.read_text(encoding="utf-8")


@pytest.mark.parametrize("unknown", [{"gateway": {"organisatoin": "A"}}, {"nonsense": {"a": 1}}])
def test_a_key_that_the_example_lacks_is_a_defect(unknown: dict[str, dict[str, str]]) -> None:
    with pytest.raises(ValueError, match="the example has no"):
        written(unknown, [{"port": "auto"}])
    with pytest.raises(ValueError, match="the example has no modem"):
        written({}, [{"prot": "auto"}])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=64))
def test_any_text_is_written_so_that_it_is_read_again(value: str) -> None:
    text = written({"gateway": {"organisation": value, "country": "GB"}}, [{"name": "sim1", "port": value}])
    read = tomllib.loads(text)
    assert (read["gateway"]["organisation"], read["modem"][0]["port"]) == (value, value)
