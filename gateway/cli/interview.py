"""The questions of `simwire init`. Each has an option that answers it, and none is asked with --yes."""

from __future__ import annotations

import locale
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import ValidationError

from gateway.cli.founding import Plan
from gateway.cli.options import read_secret
from gateway.cli.sightings import Sighting
from gateway.config import ApiConfig, GatewayConfig
from gateway.config.writing import Value
from gateway.messages import Secret

LISTEN = "127.0.0.1:8080"
_SYSTEM_CONFIG, _SYSTEM_DATA = Path("/etc/simwire"), Path("/var/lib/simwire")
_FEWEST_TRIES = 2  # the gateway writes no PIN with fewer tries left
_PIN = re.compile(r"[0-9]{4,8}")
_WHICH = {"simulator": "simulator", "later": "auto"}


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say; None: to be asked."""

    config: Path
    organisation: str | None
    country: str | None
    data: Path | None
    modems: tuple[str, ...]
    pin_files: tuple[str, ...]
    listen: str | None
    tls_cert: Path | None
    tls_key: Path | None
    insecure_http: bool
    yes: bool
    """Nothing is asked."""


def ask(given: Given, seen: Sequence[Sighting]) -> Plan:
    """Everything that is not decided yet; raises click's UsageError where it may not ask and must."""
    organisation = _organisation(given)
    country = _country(given, next((one.country for one in seen if one.country), None))
    plan = Plan(given.config, _data(given), organisation, country, _api(given))
    modems = _modems(given, seen)
    plan.modems = [{"name": name, **table} for name, table, _ in modems]
    plan.pins = _pins(given, modems)
    return plan


def _organisation(given: Given) -> str:
    if given.organisation is not None or given.yes:
        return _needed(given.organisation, "--organisation NAME")
    return str(
        click.prompt("Organisation, as it stands in the texts of codes", value_proc=_Checked("organisation"), err=True)
    )


def _country(given: Given, guess: str | None) -> str:
    if given.country is not None or given.yes:
        return _needed(given.country or guess, "--country XX")
    words = "Country: numbers without + are read as this country's, and only it may be sent to"
    # The language of the machine is good enough to be offered, and not to decide.
    return str(click.prompt(words, default=guess or _of_locale(), value_proc=_Checked("country"), err=True))


def _needed(value: str | None, option: str) -> str:
    if not value:
        raise click.UsageError(f"without questions this must be given: {option}")
    return value


class _Checked:
    """Takes what the configuration takes for a key of [gateway]; raises UsageError, upon which click asks again."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, value: str) -> str:
        value = value.strip().upper() if self._name == "country" else value.strip()
        table = {"organisation": "x", "country": "GB", self._name: value}
        try:
            GatewayConfig.model_validate(table, context={"base": Path()})
        except ValidationError as error:
            raise click.UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return value


def _of_locale() -> str | None:
    """The country of the language that this machine speaks, `GB` of en_GB."""
    name = locale.getlocale()[0] or ""
    found = re.fullmatch(r"[a-z]{2,3}_([A-Z]{2})(?:[.@].*)?", name)
    return found[1] if found is not None else None


def _data(given: Given) -> Path:
    default = _SYSTEM_DATA if given.config.absolute().parent == _SYSTEM_CONFIG else given.config.parent
    if given.data is not None or given.yes:
        return given.data or default
    words = "Folder for database, key file and PINs"
    return Path(str(click.prompt(words, default=str(default), err=True))).expanduser()


def _api(given: Given) -> dict[str, Value]:
    listen = given.listen
    if listen is None:
        listen = LISTEN if given.yes else str(click.prompt("Where the API listens", default=LISTEN, err=True))
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError(f"--listen: {listen} is no HOST:PORT, such as {LISTEN}")
    api: dict[str, Value] = {"host": host.strip("[]"), "port": int(port)}
    cert, key, insecure = given.tls_cert, given.tls_key, given.insecure_http
    if not (cert or insecure or given.yes) and not is_local(host):
        click.echo("Others can reach that address: keys and codes must not cross the network in clear text.", err=True)
        cert = _path(click.prompt("Certificate and its chain (PEM), empty for none", default="", err=True))
        key = _path(click.prompt("Its private key", err=True)) if cert else None
        insecure = cert is None and click.confirm("Serve without TLS, in clear text?", err=True)
    api |= {"tls_cert": str(cert.absolute())} if cert else {}
    api |= {"tls_key": str(key.absolute())} if key else {}
    return api | ({"insecure_http": True} if insecure else {})


def is_local(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        ApiConfig.model_validate({"host": host.strip("[]")}, context={"base": Path()})
    except ValidationError:
        return False
    return True


def _path(written: str) -> Path | None:
    return Path(written).expanduser() if written.strip() else None


def _modems(given: Given, seen: Sequence[Sighting]) -> list[tuple[str, dict[str, Value], Sighting | None]]:
    """Name, [[modem]] table and sighting of each modem: those that options name, else those that were found."""
    imeis = [one.checkup.identity.imei for one in seen]
    tables = {one.port: one.table(alone=imeis.count(one.checkup.identity.imei) == 1) for one in seen}
    by_port = {one.port: one for one in seen}
    ports = given.modems or tuple(by_port) or (_WHICH["later"] if given.yes else _asked_port(),)
    return [(f"sim{place}", tables.get(port, {"port": port}), by_port.get(port)) for place, port in enumerate(ports, 1)]


def _asked_port() -> str:
    words = "No modem answers. `later` takes the first one that is plugged in; `simulator` is made of software."
    click.echo(words, err=True)
    which = str(click.prompt("simulator, later, or the port of a modem", default="later", err=True))
    return _WHICH.get(which, which)


def _pins(given: Given, modems: Sequence[tuple[str, dict[str, Value], Sighting | None]]) -> dict[str, Secret]:
    """PINs by the names of their modems; none is tried here: the gateway writes it once, and never again if refused."""
    pins, files = {}, list(given.pin_files)
    for name, _, one in modems:
        if one is None or not one.locked:
            continue
        if files:
            pins[name] = _pin(read_secret(files.pop(0), "PIN").reveal())
        elif not given.yes:
            pin = _asked_pin(name, one)
            pins |= {name: pin} if pin is not None else {}
    if files:
        raise click.UsageError(f"--pin-file: {len(files)} more than there are SIMs that ask for a PIN")
    return pins


def _asked_pin(name: str, one: Sighting) -> Secret | None:
    tries = one.checkup.card.tries
    left = f", {tries.pin} tries left" if tries is not None and tries.pin is not None else ""
    if tries is not None and tries.pin is not None and tries.pin < _FEWEST_TRIES:
        click.echo(f"The SIM of {name} has its last try left: enter the PIN in a phone first.", err=True)
        return None
    written = click.prompt(
        f"PIN of {name} ({one.words}{left}); empty: later",
        default="", hide_input=True, show_default=False, err=True, value_proc=_pin_or_none,
    )  # fmt: skip
    return written if isinstance(written, Secret) else None


def _pin_or_none(written: str) -> Secret | str:
    return _pin(written) if written.strip() else ""


def _pin(written: str) -> Secret:
    if _PIN.fullmatch(written.strip()) is None:
        raise click.UsageError("a PIN is 4 to 8 digits")
    return Secret(written.strip())
