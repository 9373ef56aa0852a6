"""A served gateway is told to read its configuration anew: by signal and command, with a file that is right or not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from typing import Any

from tests.acceptance.harness import Gateway, World, until

NUMBER = "+447700900123"


def log_of(gateway: Gateway) -> str:
    return (gateway.config.parent / "log.txt").read_text(encoding="utf-8")


def hang_up(gateway: Gateway) -> None:
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)


def test_a_reload_changes_what_it_may_and_a_wrong_file_nothing(world: World, gateway: Gateway) -> None:
    wrong = 'lifetime = "2s"\n'
    world.write_config(f"[messages]\n{wrong}")
    hang_up(gateway)
    until(lambda: "reload: nothing has changed" in log_of(gateway), 30, "what is wrong is in the log")
    assert "messages.lifetime: from 10 s to 63 days" in log_of(gateway)
    assert gateway.call("POST", "/v1/messages", {"to": NUMBER, "text": "x" * 200})[0] == 202

    command = [sys.executable, "-m", "gateway.cli", "reload", "--config", str(gateway.config)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "messages.lifetime" in refused.stderr

    waited: list[Any] = []
    poll = threading.Thread(target=lambda: waited.append(gateway.call("GET", "/v1/inbox?wait=20")))
    poll.start()
    text = world.write_config("[messages]\nmax_parts = 1\n[canary]\nwithin = '60s'\n").read_text()
    gateway.config.write_text(text.replace("[api]", 'log_format = "json"\nlog_level = "debug"\n[api]'))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "its log says what came of it" in done.stdout
    takes_a_restart = "reload: canary.within is other in the file: it takes a restart"
    until(lambda: takes_a_restart in log_of(gateway), 30, "what came of it is in the log")
    assert "reload: messages.max_parts is 1, and was 10" in log_of(gateway)
    assert gateway.call("POST", "/v1/messages", {"to": NUMBER, "text": "x" * 200})[0] == 422

    gateway.until_ready(2)
    handset = world.server.call(lambda: world.network.handset(NUMBER))
    world.server.call(lambda: handset.send("still here", to="+447700900152"))
    poll.join(30)
    assert [status for status, _ in waited] == [200], "who waited was not hung up on"
    assert gateway.stop() == 0
    assert json.loads(log_of(gateway).splitlines()[-1])["event"] == "stopped"


def test_no_gateway_no_reload(world: World) -> None:
    config = world.write_config()
    result = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "reload", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "no gateway serves" in result.stderr
