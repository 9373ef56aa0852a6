"""The configuration file: what it takes, and that it names everything wrong with it at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.config import Config, ConfigError, ModemConfig, WebhookConfig, load
from gateway.quota import QuotaRules

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
LEAST = '[gateway]\norganisation = "Example Bank"\ncountry = "GB"\n[[modem]]\nport = "simulator"\n'


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "simwire.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def test_the_example_loads_and_shows_every_key_with_its_default(tmp_path: Path) -> None:
    shown, least = load(EXAMPLE), read(tmp_path, LEAST)
    for section in ("api", "messages", "otp", "retries", "limits", "retention", "opt_out", "canary"):
        assert getattr(shown, section) == getattr(least, section)
    assert shown.modem == least.modem
    assert shown.gateway.log_format == least.gateway.log_format
    assert shown.gateway.database.name == least.gateway.database.name == "simwire.db"
    text = EXAMPLE.read_text(encoding="utf-8")
    document = tomllib.loads(text)
    for name, field in Config.model_fields.items():
        model = {"modem": ModemConfig, "webhook": WebhookConfig}.get(name, field.annotation)
        section = document[name][0] if name == "modem" else document.get(name, {})
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for key in model.model_fields:
            assert key in section or f"\n# {key} = " in text, f"{name}.{key} is not in the example"


SWITCHED = LEAST.replace("[[modem]]", 'usb_power_socket = "/run/power.sock"\n[[modem]]')


def test_the_power_of_a_modems_usb_port(tmp_path: Path) -> None:
    (modem,) = read(tmp_path, SWITCHED + 'usb_port = "1-1.4"\n').modem
    assert modem.usb_port == "1-1.4"
    (modem,) = read(tmp_path, LEAST + 'power_command = ["sh", "-c", "true"]\n').modem
    assert modem.power_command == ("sh", "-c", "true")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SWITCHED + 'usb_port = "../1-1"\n', "a USB port like 1-1.4"),
        (LEAST + 'usb_port = "1-1.4"\n', "sim1 has a usb_port, and [gateway] usb_power_socket does not say"),
        (SWITCHED + 'usb_port = "1-1.4"\npower_command = ["sh"]\n', "two ways to do the same"),
        (LEAST + 'power_command = ["/nowhere/hub"]\n', "there is no program '/nowhere/hub'"),
        (LEAST + 'power_command = [""]\n', "words, none of them empty"),
        (
            SWITCHED + 'usb_port = "1-1"\n[[modem]]\nport = "/dev/ttyUSB1"\nusb_port = "1-1"\n',
            "two modems with the usb_port 1-1",
        ),
    ],
)
def test_a_switch_that_cannot_be_meant_is_told(tmp_path: Path, text: str, told: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert told in problem


def test_the_least_configuration(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST)
    assert config.allowed_countries == ("GB",)
    assert config.gateway.database == tmp_path / "simwire.db"
    assert config.gateway.key_file == tmp_path / "simwire.key"
    assert (config.otp.lifetime, config.otp.cooldown, config.messages.lifetime) == (
        300.0,
        (30.0, 60.0, 120.0),
        86_400.0,
    )
    assert [modem.name for modem in config.modem] == ["sim1"]
    assert config.limits.disk_reserve == 64_000_000


def test_paths_are_relative_to_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    text = LEAST.replace("[[modem]]", 'database = "data/x.db"\nkey_file = "/etc/simwire.key"\n[[modem]]')
    config = read(tmp_path, text)
    assert config.gateway.database == tmp_path / "data" / "x.db"
    assert config.gateway.key_file == Path("/etc/simwire.key")


@pytest.mark.parametrize(
    ("written", "seconds"), [('"5m"', 300.0), ('"90s"', 90.0), ("120", 120.0), ('"1m30s"', 90.0), ("61.5", 61.5)]
)
def test_durations(tmp_path: Path, written: str, seconds: float) -> None:
    assert read(tmp_path, f"{LEAST}[otp]\nlifetime = {written}\n").otp.lifetime == seconds


@pytest.mark.parametrize(("written", "steps"), [("0", (0.0,)), ("[]", ()), ('["10s", 20]', (10.0, 20.0))])
def test_cooldown_may_be_one_value_or_a_list(tmp_path: Path, written: str, steps: tuple[float, ...]) -> None:
    assert read(tmp_path, f"{LEAST}[otp]\ncooldown = {written}\n").otp.cooldown == steps


def test_every_problem_at_once_with_its_key_path(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        [gateway]
        organistion = "x"
        country = "UK"
        timezone = "Europe/Londres"
        [api]
        port = "80"
        [[modem]]
        prt = "a"
        [[modem]]
        port = "b"
        smsc = "0770"
        pin_file = "missing.pin"
        [otp]
        lifetime = "1h"
        length = 5
        [limits]
        allowed_countries = ["GB!", "XX"]
        disk_reserve = "3 parsecs"
        [smtp]
        """,
    )
    paths = {problem.split(": ")[0] for problem in found}
    assert paths == {
        *("gateway.organisation", "gateway.organistion", "gateway.country", "gateway.timezone", "api.port"),
        *("modem[0].port", "modem[0].prt", "modem[1].smsc", "modem[1].pin_file", "otp.lifetime", "otp.length"),
        *("limits.allowed_countries[1]", "limits.disk_reserve", "smtp"),
    }
    assert "gateway.organistion: no such key; did you mean organisation?" in found
    assert "modem[0].prt: no such key; did you mean port?" in found


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "modem"),
        (LEAST.replace("GB", "gb"), "gateway.country"),
        (LEAST.replace("Example Bank", "Two\\nlines"), "gateway.organisation"),
        (f"{LEAST}[messages]\nlifetime = '9s'\n", "messages.lifetime"),
        (f"{LEAST}[messages]\nlifetime = '64d'\n", "messages.lifetime"),
        (f"{LEAST}[messages]\non_unknown = 'maybe'\n", "messages.on_unknown"),
        (f"{LEAST}[otp]\nmin_remaining = '5m'\n", "otp"),
        (f"{LEAST}[otp]\nlocale = 'ja'\n", "otp.locale"),
        (f"{LEAST}[otp]\nlocale = 'english'\n", "otp.locale"),
        (f"{LEAST}[messages]\nquiet_hours = '21-8'\n", "messages.quiet_hours"),
        (f"{LEAST}per_day = 0\n", "modem[0].per_day"),
        (f"{LEAST}month_starts = 32\n", "modem[0].month_starts"),
        (f"{LEAST}otp_share = 1.1\n", "modem[0].otp_share"),
        (f"{LEAST}every = '25h'\n", "modem[0].every"),
        (f"{LEAST}[retries]\nschedule = []\n", "retries.schedule"),
        (f"{LEAST}[limits]\nallowed_countries = []\n", "limits.allowed_countries"),
        *(
            (f"{LEAST}[retention]\n{key} = {value}\n", f"retention.{key}")
            for key, value in (
                *(("texts", "0"), ("texts", "'59m'"), ("messages", "'2d'"), ("codes", "'47h'"), ("inbox", "'1d'")),
                *(("events", "'1d'"), ("events", "'never'"), ("caught", "'0'"), ("caught", "true")),
            )
        ),
        (f"{LEAST}[limits.number]\nrates = ['0/10m']\n", "limits.number.rates[0]"),
        (f"{LEAST}[limits.ip]\nmode = 'on'\n", "limits.ip.mode"),
        (f"{LEAST}[limits.prefix]\ndigits = 9\n", "limits.prefix.digits"),
        (f"{LEAST}[limits.conversion]\nleast = 30.0\n", "limits.conversion.least"),
        (f"{LEAST}[limits.conversion]\nwindow = '1s'\n", "limits.conversion.window"),
        (f"{LEAST}[limits.number]\nrate = []\n", "limits.number.rate"),
        (f"{LEAST}[opt_out]\nwords = ['']\n", "opt_out.words[0]"),
        (f"{LEAST}[[modem]]\nport = 'x'\nname = 'sim1'\n", "modem"),
        (f"{LEAST}[[modem]]\nport = '/dev/a'\n[[modem]]\nport = '/dev/a'\n", "modem"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, path: str) -> None:
    assert path in {problem.split(": ")[0] for problem in problems(tmp_path, text)}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "gateway.example"])
def test_clear_text_stays_on_the_machine_unless_asked_for(tmp_path: Path, host: str) -> None:
    (problem,) = problems(tmp_path, f"{LEAST}[api]\nhost = '{host}'\n")
    assert problem.startswith("api: ")
    assert "insecure_http" in problem
    assert read(tmp_path, f"{LEAST}[api]\nhost = '{host}'\ninsecure_http = true\n").api.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_hosts(tmp_path: Path, host: str) -> None:
    assert read(tmp_path, f"{LEAST}[api]\nhost = '{host}'\n").api.host == host


def test_a_pin_comes_from_its_file_and_does_not_print_itself(tmp_path: Path) -> None:
    (tmp_path / "sim.pin").write_text("4711\n")
    config = read(tmp_path, LEAST + 'pin_file = "sim.pin"\n')
    pin = config.modem[0].read_pin()
    assert pin is not None
    assert pin.reveal() == "4711"
    assert "4711" not in repr(config)
    (tmp_path / "sim.pin").write_text("secret words")
    (problem,) = problems(tmp_path, LEAST + 'pin_file = "sim.pin"\n')
    assert "secret" not in problem


def test_files_that_are_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "nowhere.toml")
    assert "not valid TOML" in problems(tmp_path, "[gateway\n")[0]


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST)
    with pytest.raises(ValueError, match="frozen"):
        config.otp.length = 8  # type: ignore[misc]


def test_quotas_are_off_until_set_and_belong_to_their_modem(tmp_path: Path) -> None:
    text = 'per_day = 100\nrecipients_per_month = 250\nmonth_starts = 14\notp_share = 0.5\nevery = "3s"\n'
    first, second = read(tmp_path, f"{LEAST}{text}[[modem]]\nport = 'auto'\n").modem
    assert first.quotas == QuotaRules(per_day=100, recipients_per_month=250, month_starts=14, otp_share=0.5, every=3.0)
    assert second.quotas == QuotaRules()
    assert read(tmp_path, LEAST).messages.quiet_hours is None
    quiet = read(tmp_path, f"{LEAST}[messages]\nquiet_hours = '21:00 - 08:00'\n").messages.quiet_hours
    assert str(quiet) == "21:00-08:00"


def test_what_is_kept_for_ever_and_for_how_long_the_rest(tmp_path: Path) -> None:
    config = read(tmp_path, f"{LEAST}[retention]\ntexts = '1h'\nmessages = 259200\ncodes = 'forever'\n").retention
    assert (config.texts, config.messages, config.codes) == (3600.0, 259_200.0, None)
    assert (config.inbox, config.events, config.caught) == (90 * 86_400.0, 7 * 86_400.0, 7 * 86_400.0)


def test_what_is_too_short_to_be_kept_says_what_can_be(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{LEAST}[retention]\ncodes = '0'\n")
    assert problem == 'retention.codes: at least 2 days, or "forever"'


@pytest.mark.parametrize(
    ("lifetime", "window", "least"), [("5m", "9m59s", "10 min"), ("10m", "19m", "20 min"), ("1m", "119s", "2 min")]
)
def test_conversion_is_judged_over_twice_the_lifetime_of_a_code(
    tmp_path: Path, lifetime: str, window: str, least: str
) -> None:
    text = f'{LEAST}[otp]\nlifetime = "{lifetime}"\n[limits.conversion]\nwindow = "{{}}"\n'
    (problem,) = problems(tmp_path, text.format(window))
    assert problem == f"limits.conversion.window: at least {least}, which is twice the [otp] lifetime"
    config = read(tmp_path, text.format(least.replace(" min", "m")))
    assert config.limits.conversion.window == 2 * config.otp.lifetime


def test_a_file_of_brackets_is_a_problem_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("a = " + "[" * 100_000, encoding="utf-8")
    with pytest.raises(ConfigError, match="nested too deep"):
        load(path)
