"""`simwire modems`: those of a running gateway, and ports that no gateway holds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click

from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Failure, Group
from gateway.cli.messages import path_of
from gateway.cli.options import gateway_options, json_option
from gateway.cli.tracing import trace
from gateway.messages import Json
from hardware.clock import SystemClock
from hardware.discovery import find_modems, open_port
from hardware.errors import CommandTimeout
from hardware.modem import Identity, inspect
from hardware.transport import Transport

USSD_NOT_SUPPORTED = 4
"""27.007 7.15: operation not supported."""
USSD_SECONDS = 70.0
"""How long a network may take to answer a USSD code, and a bit."""


@click.group(cls=Group)
def modems() -> None:
    """Look at modems."""


modems.add_command(trace)


@modems.command("list")
@gateway_options
def list_modems(gateway: Gateway, as_json: bool) -> None:
    """The modems of a running gateway."""
    found = gateway.get("/v1/modems")
    if as_json:
        output.document(found)
        return
    rows = [
        (
            one["name"],
            output.state(one["state"]),
            one["model"],
            one["operator"],
            None if one["signal_dbm"] is None else f"{one['signal_dbm']} dBm",
            f"{one['sent']} sent, {one['failed']} failed",
            ": ".join(words for words in (one["reason"], one["advice"]) if words) or None,
        )
        for one in found["items"]
    ]
    output.table(("name", "state", "model", "operator", "signal", "counts", "what to do"), rows, none="no modems")


@modems.command("info")
@click.argument("name")
@gateway_options
def info(gateway: Gateway, name: str, as_json: bool) -> None:
    """Everything that is known of one modem."""
    found = gateway.get(path_of(name, "modems"))
    if as_json:
        output.document(found)
    else:
        quota = [f"{one['rule']} {one['used']} of {one['limit']}" for one in found["quota"]]
        output.fields(
            {
                **found,
                "state": output.state(found["state"]),
                "quota": quota,
                "recovery": _way_back(found["recovery"]),
                "balance": _balance(found["balance"]),
                "canaries": [_canary(one) for one in found["canaries"]],
            }
        )


def _way_back(recovery: Mapping[str, Any] | None) -> str | None:
    """What is done about a modem in trouble, on one line."""
    if recovery is None:
        return None
    tried = f"tried: {', '.join(recovery['tried'])}" if recovery["tried"] else None
    following = f"{recovery['step']} at {recovery['next_at']}" if recovery["step"] else "it is seen whether that helped"
    return "; ".join(text for text in (tried, following) if text)


@modems.command("ussd")
@click.argument("name")
@click.argument("code")
@gateway_options
def ussd(gateway: Gateway, name: str, code: str, as_json: bool) -> None:
    """Ask the network of modem NAME with a CODE like *100#, for example for the balance."""
    answer = gateway.post(f"{path_of(name, 'modems')}/ussd", {"code": code}, wait=USSD_SECONDS)
    if as_json:
        output.document(answer)
    else:
        said = answer["text"] or "the network answered without a text"
        if answer["mode"] == USSD_NOT_SUPPORTED:
            raise Failure(f"the network of {name} does not support {code}")
        output.console().print(output.shown(said), soft_wrap=True)


@modems.command("probe")
@click.argument("port", required=False)
@click.option("--baudrate", type=click.IntRange(300, 4_000_000), default=115_200, show_default=True)
@click.option("--rtscts", is_flag=True, help="Hardware flow control.")
@click.option("--all-ports", is_flag=True, help="Without PORT: write to ports of unknown USB devices too.")
@json_option
def probe(port: str | None, baudrate: int, rtscts: bool, all_ports: bool, as_json: bool) -> None:
    """Say which modem answers at PORT; without PORT, look at every port of this machine.

    PORT is a device path, or a URL like socket://host:port. Nothing is sent, no PIN is entered, and a port that a
    gateway holds is left alone.
    """
    if port is not None:
        found = _at(port, baudrate=baudrate, rtscts=rtscts)
        if as_json:
            output.document(found)
        else:
            output.fields({**found, "state": output.state(found["state"])})
        return
    every = [
        _who(modem.port.device, modem.identity) for modem in find_modems(_opened, SystemClock(), probe_all=all_ports)
    ]
    if as_json:
        output.document({"items": every})
        return
    headings = ("port", "manufacturer", "model", "imei")
    none = "no modem answers at a port that could be opened; --all-ports looks at unknown devices too"
    output.table(headings, [[one[heading] for heading in headings] for one in every], none=none)


def _balance(found: Json | None) -> str | None:
    if found is None:
        return None
    told = "not known" if found["amount"] is None else f"{found['amount']:.2f} at {found['asked_at']}"
    return told + (f"; {found['problem']}" if found["problem"] else "")


def _canary(found: Json) -> str:
    words = (f"to {found['to']} {found['state']}", found["reason"], f"{found['missed']} missed")
    return ", ".join(word for word in words if word)


def _opened(device: str) -> Transport:
    return open_port(device)


def _at(port: str, *, baudrate: int, rtscts: bool) -> Json:
    with closing(open_port(port, baudrate=baudrate, rtscts=rtscts)) as transport:
        try:
            status = inspect(transport, SystemClock())
        except CommandTimeout:
            raise Failure(f"nothing at {port} answers AT commands; a stick has several ports, try its others") from None
    return {
        **_who(port, status.identity),
        "state": status.state.value,
        "reason": status.reason,
        "advice": status.advice,
        "operator": status.operator,
        "registration": status.registration.meaning if status.registration else None,
        "signal_dbm": status.signal_dbm,
        "profile": status.profile,
    }


def _who(port: str, identity: Identity) -> Json:
    return {
        "port": port,
        "manufacturer": identity.manufacturer,
        "model": identity.model,
        "revision": identity.revision,
        "imei": identity.imei,
        "imsi": identity.imsi,
        "iccid": identity.iccid,
    }
