"""From a working gateway to a trace, and from the trace to a modem that another gateway sends by."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardware.simulator import GENERIC
from hardware.tracing import Octets, read_trace
from tests.acceptance.harness import CONFIG, MODEM, Gateway, World, until
from tests.contract.bench import QUICK_BOOT

NUMBER = "+447700900123"
SIMWIRE = (sys.executable, "-m", "gateway.cli")


def test_a_users_report_becomes_a_modem(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    world = World(tmp_path, 1, replace(GENERIC, boot=QUICK_BOOT))
    gateway = Gateway(world.write_config(sim1="time_scale = 0.2"))
    try:
        modem = recorded(gateway, path)
    finally:
        gateway.stop()
        world.stop()

    trace = read_trace(path.read_text(encoding="ascii").splitlines())
    said = b"".join(one.data for one in trace.entries if isinstance(one, Octets))
    assert (trace.header.source, trace.header.model) == ("simulator", modem["model"])
    assert b"AT+CFUN=1,1" in said
    assert b"+CMGS: " in said
    for secret in (b"7700900", b"314159", b"secret", modem["imsi"].encode(), modem["iccid"].encode()):
        assert secret not in said, secret
    assert played(path, tmp_path / "second") == {name: modem[name] for name in ("model", "firmware", "profile")}


def recorded(gateway: Gateway, path: Path) -> Any:
    """The modem, after its restart and a message were recorded from the running gateway."""
    gateway.start()
    gateway.make_key("admin")
    gateway.until_ready(1)
    words = [*SIMWIRE, "modems", "trace", "sim1", "--restart", "--output", str(path), "--seconds", "600", "--json"]
    environment = os.environ | {"SIMWIRE_URL": gateway.url, "SIMWIRE_KEY": gateway.key}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as tracer:
        until(lambda: path.exists() and "CFUN=1,1" in path.read_text(encoding="ascii"), 30, "the restart in the trace")
        gateway.until_ready(1)
        _, sent = gateway.call("POST", "/v1/messages", {"to": NUMBER, "text": "secret 314159"})
        assert gateway.message(sent["id"])["state"] == "delivered"
        until(lambda: "+CMGS: " in path.read_text(encoding="ascii"), 30, "the message in the trace")
        tracer.send_signal(signal.SIGINT)
        told = json.loads(tracer.communicate(timeout=30)[0])
    assert (told["dropped"], tracer.returncode) == (0, 0)
    (row,) = [one for one in gateway.call("GET", "/v1/audit")[1]["items"] if one["action"] == "modems.trace"]
    assert (row["subject"], row["details"]) == ("sim1", {"masked": True, "seconds": 600.0})
    return gateway.call("GET", "/v1/modems/sim1")[1]


def played(path: Path, folder: Path) -> Any:
    """What a second gateway knows of the modem that plays the trace, after a message by it was taken."""
    folder.mkdir()
    words = [
        *SIMWIRE,
        "simulate",
        "--replay",
        str(path),
        "--links",
        str(folder / "ports"),
        "--time-scale",
        "0.2",
        "--json",
    ]
    player = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    config = folder / "config.toml"
    port = folder / "ports" / "by-id" / "replay"
    config.write_text(
        CONFIG.format(extra="") + MODEM.format(name="sim1", port=port, more="time_scale = 0.2"), encoding="utf-8"
    )
    gateway = Gateway(config)
    try:
        until(port.exists, 30, "the port of the replay")
        gateway.start()
        gateway.make_key("admin")
        gateway.until_ready(1)
        _, sent = gateway.call("POST", "/v1/messages", {"to": NUMBER, "text": "another text", "report": False})
        assert gateway.message(sent["id"])["state"] == "sent"
        modem = gateway.call("GET", "/v1/modems/sim1")[1]
    finally:
        gateway.stop()
        player.terminate()
        ended = player.communicate(timeout=30)[1]
    assert "not in the trace" not in ended, ended
    return {name: modem[name] for name in ("model", "firmware", "profile")}
