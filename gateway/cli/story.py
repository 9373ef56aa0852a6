"""What `simwire demo` tells: two codes on their way from a request to a telephone and back."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Failure
from gateway.cli.signals import StopSignals
from gateway.cli.virtual import VirtualModems
from gateway.messages import Json

WIDTH = 80
TELEPHONE_WIDTH = 46
NUMBER = "+447700900123"
CUSTOMER = "+447700900456"
PURCHASE = {"operation": "card payment", "payee": "Riverside Books", "amount": "49.90", "currency": "GBP"}
PATIENCE = 20.0
"""Seconds after which something that should have happened has not."""
LOOK = 0.05


class Story:
    """Tells it on a console, by a gateway's HTTP API and the telephones of the simulated network."""

    def __init__(self, console: Console, gateway: Gateway, virtual: VirtualModems, stop: StopSignals) -> None:
        self._out, self._gateway, self._virtual, self._stop = console, gateway, virtual, stop
        self._box = box.ROUNDED if console.is_terminal else box.ASCII

    def tell(self) -> None:
        """All of it; raises Failure where something did not happen."""
        self._introduce()
        self._heading("1", "A login code")
        login = self._send({"to": NUMBER, "purpose": "login"})
        code = self._arrived(login)
        self._check(login, "a wrong code", {"code": _another(code)}, "wrong_code")
        self._check(login, "the right one", {"code": code}, "approved")
        self._heading("2", "A purchase confirmation")
        purchase = self._send({"to": CUSTOMER, "purpose": "transaction", "context": PURCHASE})
        code = self._arrived(purchase)
        changed = {**PURCHASE, "amount": "4990.00"}
        self._check(purchase, "its code, another amount", {"code": code, "context": changed}, "wrong_code")
        self._check(purchase, "its code, what was agreed", {"code": code, "context": PURCHASE}, "approved")

    def watch(self) -> None:
        """Show every message that reaches a telephone, until the stop signal."""
        while not self._stop.wait(LOOK):
            for number, message in self._virtual.news():
                self._telephone(number, message.text or f"{len(message.data or b'')} octets of data", message.sender)

    def suggest(self, key: str) -> None:
        """What to try next: lines for a shell, which may be copied as they are."""
        self._heading("3", "Your turn: the gateway goes on, Ctrl-C ends it")
        self._line("Put these into another terminal; what the telephone shows appears here.")
        self._out.print()
        program = "simwire" if shutil.which("simwire") else sys.argv[0]
        lines = (
            f"export SIMWIRE_URL={self._gateway.url}",
            f"export SIMWIRE_KEY={key}",
            'curl -H "Authorization: Bearer $SIMWIRE_KEY" --json \\',
            f"""  '{{"to": "{NUMBER}", "purpose": "login"}}' $SIMWIRE_URL/v1/otp""",
            'curl -H "Authorization: Bearer $SIMWIRE_KEY" --json \\',
            """  '{"code": "CODE"}' $SIMWIRE_URL/v1/otp/ID/check""",
            'curl -H "Authorization: Bearer $SIMWIRE_KEY" --json \\',
            f"""  '{{"to": "{NUMBER}", "text": "Hello"}}' $SIMWIRE_URL/v1/messages""",
            f"{program} messages list",
            f"{program} modems list",
        )
        for line in lines:
            self._out.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
        self._out.print()
        self._line(f"ID is the id in the first answer. All of it: {self._gateway.url}/docs")

    # -- steps --------------------------------------------------------------------------------------------------------

    def _introduce(self) -> None:
        self._out.print(Text("simwire demo", style="bold"))
        self._line("A real gateway and its HTTP API, with modems made of software on real")
        self._line("serial ports. No telephone rings: these numbers belong to nobody.")
        modems = self._until(self._ready_modems, "the modems are ready")
        grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        grid.add_row("gateway", self._gateway.url)
        for modem in modems:
            port = self._virtual.server.path(modem["name"]).resolve()
            signal = f"{modem['signal_dbm']} dBm" if modem["signal_dbm"] is not None else ""
            words = (modem["state"], modem["model"], modem["operator"], signal)
            grid.add_row(modem["name"], f"{port}  {', '.join(str(word) for word in words if word)}")
        self._out.print()
        output.trimmed(self._out, Padding(grid, (0, 0, 0, 2)))

    def _send(self, request: Json) -> Json:
        self._line("POST /v1/otp")
        for line in json.dumps(request, indent=2).splitlines() if "context" in request else [json.dumps(request)]:
            self._out.print(Text(f"  {line}", style="cyan"))
        began = time.perf_counter()
        challenge = self._gateway.post("/v1/otp", request)
        self._line(f"202 after {(time.perf_counter() - began) * 1000:.0f} ms: on disk, and on its way", "green")
        return challenge

    def _arrived(self, challenge: Json) -> str:
        """Wait for the report, show the telephone and the timeline; returns the code as the telephone shows it."""
        path = f"/v1/messages/{challenge['message_id']}"
        message = self._gateway.get(path, {"wait": f"{PATIENCE:g}"}, wait=PATIENCE)
        if message["state"] != "delivered":
            raise Failure(f"the message to {message['to']} is {message['state']} instead of delivered")
        shown = [received for number, received in self._virtual.news() if number == message["to"]]
        if len(shown) != 1 or shown[0].text is None:
            raise Failure(f"the telephone {message['to']} shows {len(shown)} messages instead of one")
        self._telephone(message["to"], shown[0].text, shown[0].sender)
        grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        for row in output.timeline_rows(message["timeline"]):
            grid.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
        output.trimmed(self._out, Padding(grid, (0, 0, 0, 2)))
        self._out.print()
        found = re.search(r"(?<!\d)\d{6}(?!\d)", shown[0].text)
        if found is None:
            raise Failure(f"there is no code in what the telephone {message['to']} shows")
        return found[0]

    def _check(self, challenge: Json, what: str, body: Json, expected: str) -> None:
        checked = self._gateway.post(f"/v1/otp/{challenge['id']}/check", body)
        result = checked["result"]
        line = Text(f"  check with {what:<26}") + Text(result, style="green" if result == "approved" else "red")
        left = checked["attempts_left"]
        self._out.print(line + ("" if result == "approved" else f", {left} attempts left"))
        if result != expected:
            raise Failure(f"the check with {what} came to {result} instead of {expected}")

    # -- words --------------------------------------------------------------------------------------------------------

    def _heading(self, number: str, words: str) -> None:
        self._out.print()
        self._out.print(Text(f"{number}  {words}", style="bold"))

    def _line(self, words: str, style: str = "") -> None:
        output.trimmed(self._out, Padding(Text(words, style=style), (0, 0, 0, 2)))

    def _telephone(self, number: str, text: str, sender: str) -> None:
        panel = Panel(
            Text(output.shown(text)),
            box=self._box,
            title=Text(f" {output.shown(number)} "),
            subtitle=Text(f" from {output.shown(sender)} "),
            width=TELEPHONE_WIDTH,
            padding=(0, 1),
            border_style="blue",
        )
        self._out.print()
        output.trimmed(self._out, Padding(panel, (0, 0, 0, 4)))
        self._out.print()

    def _ready_modems(self) -> list[dict[str, Any]] | None:
        modems: list[dict[str, Any]] = self._gateway.get("/v1/modems")["items"]
        return modems if all(modem["state"] == "ready" for modem in modems) else None

    def _until(self, look: Callable[[], list[dict[str, Any]] | None], what: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE
        while (found := look()) is None:
            if self._stop.wait(LOOK) or time.monotonic() > deadline:
                raise Failure(f"not within {PATIENCE:g} s: {what}")
        return found


def _another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"
