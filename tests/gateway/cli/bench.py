"""Simulated modems on pseudo-terminals that are ready at once, and commands run against them and a machine of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from gateway.cli.app import simwire
from gateway.cli.looking import Machine
from hardware.clock import SystemClock
from hardware.simulator import (
    GENERIC,
    Boot,
    Personality,
    SimCard,
    SimulatedModem,
    SimulatedNetwork,
    SimulatorServer,
    UssdAnswer,
)

OWN = "+447700900150"
AT_ONCE = Boot(0.0, 0.0, 0.0, 0.0, 0.0)
Checks = dict[tuple[str, str], Any]


class Plugged:
    """One modem on a pseudo-terminal."""

    def __init__(self, folder: Path, personality: Personality, card: SimCard | None) -> None:
        quick = {"submit_seconds": 0.05, "delivery_seconds": 0.05, "report_seconds": 0.05}
        self.network = SimulatedNetwork(SystemClock(), **quick)
        self.card = card
        self.modem = SimulatedModem(self.network, card, replace(personality, boot=AT_ONCE), imei="490154203237518")
        self.server = SimulatorServer(self.network, [self.modem], folder)

    @property
    def path(self) -> str:
        """Where it can be opened."""
        return str(self.server.path(self.modem))


@contextmanager
def plugged(folder: Path, personality: Personality = GENERIC, card: SimCard | None = None) -> Iterator[Plugged]:
    """A modem with a card that is open, unless another one is given."""
    given = card or SimCard(ussd={"*100#": UssdAnswer("Balance: £10.00")})
    one = Plugged(folder, personality, given)
    with one.server:
        yield one


def run(*words: str, machine: Machine | None = None, stdin: str | None = None, **environment: str) -> Result:
    """Run `simwire` on a machine; without one, on this one."""
    blank = {"SIMWIRE_KEY": "", "SIMWIRE_CONFIG": "", "SIMWIRE_URL": ""}
    return CliRunner().invoke(simwire, list(words), input=stdin, obj=machine, env=blank | environment)


def checks(*words: str, machine: Machine | None = None, **environment: str) -> Checks:
    """The checks of `simwire doctor --json`, by subject and name."""
    result = run("doctor", *words, "--json", machine=machine, **environment)
    document = json.loads(result.stdout)
    assert result.exit_code == (0 if document["ok"] else 1), result.output
    assert document["ok"] is (document["counts"]["fail"] == 0)
    return {(one["subject"], one["check"]): one for one in document["checks"]}


def verdicts(found: Checks, subject: str) -> dict[str, str]:
    """Name and verdict of every check of a subject."""
    return {name: one["verdict"] for (of, name), one in found.items() if of == subject}
