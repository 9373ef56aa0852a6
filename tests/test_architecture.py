"""Who may import and touch what: the rules of docs/architecture.md over the syntax tree of every module.

A rule names modules by prefix ("gateway.store" covers everything in it) and what they may reach; of several rules the
longest prefix holds. Imports inside functions and under TYPE_CHECKING count like any other, except for cycles.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("hardware", "gateway")

PURE = frozenset({"hardware.errors", "hardware.pdu"})
"""What rules and values of the gateway may use of the hardware side."""
VALUES = frozenset(
    {"gateway.addresses", "gateway.messages", "gateway.quantities", "gateway.refusals", "gateway.scopes"}
)
TO_MODEMS = frozenset(
    {
        "hardware.at.channel",
        "hardware.at.results",
        "hardware.clock",
        "hardware.discovery",
        "hardware.errors",
        "hardware.modem",
        "hardware.pdu",
        "hardware.tracing",
        "hardware.transport",
    }
)
MODEM_SIDE = frozenset(
    {
        "gateway.care",
        "gateway.dispatcher",
        "gateway.doors",
        "gateway.errands",
        "gateway.fleet",
        "gateway.healing",
        "gateway.incoming",
        "gateway.modem_port",
        "gateway.port_watch",
        "gateway.sending",
        "gateway.service",
        "gateway.snapshot",
        "gateway.turns",
        "gateway.workers",
    }
)

ALLOWED: dict[str, frozenset[str]] = {
    "hardware.errors": frozenset(),
    "hardware.clock": frozenset(),
    "hardware.transport": frozenset({"hardware.errors"}),
    "hardware.tracing": frozenset({"hardware.errors", "hardware.clock", "hardware.transport"}),
    "hardware.serial_port": frozenset({"hardware.errors", "hardware.clock", "hardware.transport"}),
    "hardware.power_switch": frozenset(),
    # Runs as root, and imports nothing that would have to be read before it may.
    "hardware.usb_power": frozenset(),
    "hardware.pdu": frozenset({"hardware.errors"}),
    "hardware.at": frozenset({"hardware.errors", "hardware.clock", "hardware.transport"}),
    "hardware.profiles": frozenset({"hardware.at.results"}),
    "hardware.ussd": frozenset({"hardware.errors", "hardware.pdu"}),
    "hardware.modem": frozenset(
        {
            "hardware.errors",
            "hardware.clock",
            "hardware.transport",
            "hardware.at",
            "hardware.pdu",
            "hardware.profiles",
            "hardware.ussd",
        }
    ),
    "hardware.discovery": frozenset(
        {
            "hardware.errors",
            "hardware.clock",
            "hardware.transport",
            "hardware.serial_port",
            "hardware.at",
            "hardware.profiles",
            "hardware.modem",
        }
    ),
    "hardware.usb_devices": frozenset({"hardware.profiles"}),
    "hardware.port_holders": frozenset(),
    # The simulator reads and writes octets by itself: a codec checked against itself proves nothing.
    "hardware.simulator": frozenset({"hardware.errors", "hardware.clock", "hardware.transport", "hardware.tracing"}),
    "gateway.addresses": frozenset(),
    "gateway.messages": frozenset(),
    "gateway.codes": frozenset(),
    "gateway.quantities": frozenset(),
    "gateway.refusals": frozenset(),
    "gateway.scopes": frozenset(),
    "gateway.release": frozenset(),
    "gateway.recovery": frozenset(),
    "gateway.sparing": frozenset(),
    "gateway.port_watch": frozenset({"hardware.clock", "hardware.transport"}),
    "gateway.healing": VALUES
    | TO_MODEMS
    | {"gateway.directory", "gateway.recovery", "gateway.sparing", "hardware.power_switch"},
    "gateway.modem_port": frozenset(
        {
            "gateway.healing",
            "gateway.port_watch",
            "gateway.recovery",
            "hardware.modem",
            "hardware.tracing",
            "hardware.transport",
        }
    ),
    "gateway.errands": frozenset({"hardware.modem"}),
    "gateway.doors": VALUES
    | {
        "gateway.announcing",
        "gateway.directory",
        "gateway.errands",
        "gateway.healing",
        "gateway.modem_port",
        "gateway.sending",
        "hardware.modem",
        "hardware.tracing",
    },
    "gateway.others": VALUES | {"gateway.directory"},
    "gateway.announcing": VALUES
    | {
        "gateway.conditions",
        "gateway.directory",
        "gateway.others",
        "gateway.sparing",
        "gateway.store",
        "hardware.clock",
    },
    "gateway.results": VALUES
    | {
        "gateway.allowance",
        "gateway.care",
        "gateway.directory",
        "gateway.others",
        "gateway.retry",
        "gateway.store",
        "hardware.clock",
    },
    "gateway.metrics": VALUES
    | {
        "gateway.conditions",
        "gateway.config",
        "gateway.directory",
        "gateway.objective",
        "gateway.others",
        "gateway.recovery",
        "gateway.release",
        "gateway.store",
        "gateway.webhooks",
        "hardware.at.results",
        "hardware.clock",
        "hardware.modem",
    },
    "gateway.balance": frozenset(),
    "gateway.conditions": frozenset({"hardware.errors", "hardware.modem"}),
    "gateway.care": VALUES
    | {
        "gateway.balance",
        "gateway.conditions",
        "gateway.directory",
        "gateway.store",
        "hardware.clock",
        "hardware.errors",
        "hardware.modem",
    },
    "gateway.diagnosis": VALUES
    | {
        "gateway.balance",
        "gateway.masking",
        "hardware.modem",
        "hardware.port_holders",
        "hardware.usb_devices",
    },
    "gateway.canary": VALUES | PURE | {"gateway.directory", "gateway.store", "hardware.clock"},
    "gateway.templates": frozenset(),
    "gateway.quiet": frozenset(),
    "gateway.quota": VALUES | {"gateway.quiet", "hardware.clock"},
    "gateway.allowance": VALUES | {"gateway.quiet", "gateway.quota", "gateway.store", "hardware.clock"},
    "gateway.directory": VALUES | {"gateway.quota"},
    "gateway.masking": frozenset({"gateway.messages"}),
    "gateway.logs": frozenset({"gateway.masking"}),
    "gateway.reloading": frozenset({"gateway.config"}),
    "gateway.front": VALUES
    | {
        "gateway.admission",
        "gateway.config",
        "gateway.directory",
        "gateway.intake",
        "gateway.optout",
        "gateway.store",
        "gateway.verify",
        "hardware.clock",
    },
    "gateway.journal": VALUES
    | {"gateway.reloading", "gateway.config", "gateway.masking", "gateway.store", "hardware.clock"},
    "gateway.numbering": frozenset(),
    "gateway.numbers": VALUES | {"gateway.numbering"},
    "gateway.otp": VALUES | {"gateway.randomness"},
    "gateway.randomness": frozenset(),
    "gateway.peers": frozenset(),
    "gateway.certificates": frozenset({"hardware.clock"}),
    "gateway.tls": frozenset({"gateway.certificates", "gateway.web_batches", "hardware.clock"}),
    "gateway.retry": VALUES | {"gateway.directory"},
    "gateway.reports": VALUES,
    "gateway.limits": VALUES | {"gateway.numbers"},
    "gateway.windows": VALUES,
    "gateway.texts": VALUES | PURE | {"gateway.templates"},
    "gateway.policy": VALUES | {"gateway.config"},
    "gateway.backlog": VALUES | {"gateway.directory", "gateway.store", "hardware.clock"},
    "gateway.guard": VALUES
    | {"gateway.config", "gateway.numbers", "gateway.policy", "gateway.store", "gateway.windows", "hardware.clock"},
    "gateway.optout": VALUES | {"gateway.config", "gateway.numbers", "gateway.store", "hardware.clock"},
    "gateway.content": VALUES | PURE | {"gateway.policy", "gateway.requests", "gateway.texts"},
    "gateway.admission": VALUES
    | {
        "gateway.backlog",
        "gateway.config",
        "gateway.guard",
        "gateway.limits",
        "gateway.numbers",
        "gateway.policy",
        "gateway.store",
        "hardware.clock",
    },
    "gateway.text_warnings": VALUES | PURE | {"gateway.config", "gateway.templates", "gateway.texts"},
    "gateway.config": VALUES
    | {
        "gateway.balance",
        "gateway.certificates",
        "gateway.peers",
        "gateway.quiet",
        "gateway.quota",
        "gateway.templates",
        "hardware.clock",
    },
    "gateway.requests": VALUES | {"gateway.config", "gateway.otp"},
    "gateway.keyring": VALUES
    | {
        "gateway.config",
        "gateway.limits",
        "gateway.numbers",
        "gateway.policy",
        "gateway.requests",
        "gateway.store",
        "hardware.clock",
    },
    "gateway.once": VALUES | {"gateway.store", "hardware.clock"},
    "gateway.store": VALUES
    | PURE
    | {
        "gateway.fibres",
        "gateway.masking",
        "gateway.policy",
        "gateway.quota",
        "gateway.randomness",
        "gateway.retry",
        "gateway.reports",
        "gateway.otp",
        "gateway.codes",
        "gateway.directory",
        "hardware.clock",
        "hardware.modem",
    },
    "gateway.intake": VALUES
    | PURE
    | {
        "gateway.admission",
        "gateway.codes",
        "gateway.config",
        "gateway.content",
        "gateway.directory",
        "gateway.numbers",
        "gateway.once",
        "gateway.policy",
        "gateway.requests",
        "gateway.store",
        "gateway.texts",
        "hardware.clock",
    },
    "gateway.challenges": VALUES
    | {"gateway.limits", "gateway.requests", "gateway.store", "gateway.texts", "hardware.clock"},
    "gateway.issuing": VALUES
    | {
        "gateway.challenges",
        "gateway.intake",
        "gateway.once",
        "gateway.policy",
        "gateway.store",
        "hardware.clock",
    },
    "gateway.verify": VALUES
    | PURE
    | {
        "gateway.challenges",
        "gateway.config",
        "gateway.content",
        "gateway.intake",
        "gateway.issuing",
        "gateway.limits",
        "gateway.once",
        "gateway.otp",
        "gateway.policy",
        "gateway.requests",
        "gateway.store",
        "gateway.texts",
        "hardware.clock",
    },
    "gateway.objective": VALUES | {"hardware.clock"},
    "gateway.alarms": VALUES
    | PURE
    | {"gateway.config", "gateway.directory", "gateway.objective", "gateway.store", "hardware.clock"},
    "gateway.api": VALUES
    | {
        "gateway.admission",
        "gateway.alarms",
        "gateway.challenges",
        "gateway.config",
        "gateway.directory",
        "gateway.intake",
        "gateway.keyring",
        "gateway.limits",
        "gateway.metrics",
        "gateway.numbers",
        "gateway.once",
        "gateway.peers",
        "gateway.policy",
        "gateway.release",
        "gateway.requests",
        "gateway.store",
        "gateway.verify",
        "gateway.webhooks",
        "hardware.clock",
        "hardware.discovery",
        "hardware.tracing",
    },
    "gateway.webhooks": VALUES | {"gateway.config", "gateway.store", "hardware.clock"},
    "gateway.submission": VALUES | TO_MODEMS,
    "gateway.incoming": VALUES | TO_MODEMS | {"gateway.store"},
    "gateway.sending": VALUES
    | TO_MODEMS
    | {
        "gateway.allowance",
        "gateway.care",
        "gateway.directory",
        "gateway.incoming",
        "gateway.others",
        "gateway.quota",
        "gateway.recovery",
        "gateway.results",
        "gateway.retry",
        "gateway.store",
        "gateway.submission",
    },
    "gateway.snapshot": frozenset(
        {"gateway.care", "gateway.directory", "gateway.incoming", "gateway.sending", "hardware.modem"}
    ),
    "gateway.turns": VALUES
    | TO_MODEMS
    | {
        "gateway.announcing",
        "gateway.care",
        "gateway.conditions",
        "gateway.directory",
        "gateway.doors",
        "gateway.incoming",
        "gateway.modem_port",
        "gateway.others",
        "gateway.recovery",
        "gateway.sending",
        "gateway.snapshot",
        "gateway.store",
    },
    "gateway.dispatcher": VALUES
    | TO_MODEMS
    | {
        "gateway.allowance",
        "gateway.announcing",
        "gateway.balance",
        "gateway.care",
        "gateway.conditions",
        "gateway.directory",
        "gateway.healing",
        "gateway.incoming",
        "gateway.modem_port",
        "gateway.others",
        "gateway.port_watch",
        "gateway.quiet",
        "gateway.quota",
        "gateway.recovery",
        "gateway.retry",
        "gateway.sending",
        "gateway.store",
        "gateway.turns",
    },
    "gateway.fleet": VALUES
    | {
        "gateway.directory",
        "gateway.dispatcher",
        "gateway.others",
        "gateway.recovery",
        "gateway.store",
        "gateway.watchdog",
        "hardware.modem",
        "hardware.tracing",
    },
    "gateway.scheduler": VALUES | {"gateway.directory", "gateway.store", "gateway.watchdog", "hardware.clock"},
    "gateway.watchdog": frozenset({"hardware.clock"}),
    "gateway.web": frozenset(
        {
            "gateway.certificates",
            "gateway.config",
            "gateway.tls",
            "gateway.watchdog",
            "gateway.web_batches",
            "gateway.web_watch",
            "hardware.clock",
        }
    ),
    "gateway.web_batches": frozenset({"gateway.fibres"}),
    "gateway.fibres": frozenset(),
    "gateway.workers": VALUES
    | TO_MODEMS
    | {
        "gateway.allowance",
        "gateway.config",
        "gateway.directory",
        "gateway.dispatcher",
        "gateway.healing",
        "gateway.incoming",
        "gateway.others",
        "gateway.quiet",
        "gateway.quota",
        "gateway.retry",
        "gateway.simulated",
        "gateway.store",
        "gateway.texts",
        "hardware.power_switch",
    },
    "gateway.web_watch": frozenset(),
    "gateway.notify": VALUES | {"gateway.directory", "gateway.store", "hardware.clock"},
    "gateway.simulated": frozenset({"hardware.clock", "hardware.simulator"}),
    "gateway.service": frozenset({"gateway", "hardware"}),
    "gateway.cli": VALUES
    | TO_MODEMS
    | {
        "gateway.balance",
        "gateway.certificates",
        "gateway.config",
        "gateway.diagnosis",
        "gateway.limits",
        "gateway.logs",
        "gateway.notify",
        "gateway.service",
        "gateway.store",
        "gateway.text_warnings",
        "gateway.watchdog",
        "gateway.keyring",
        "gateway.numbers",
        "gateway.policy",
        "hardware.port_holders",
        "gateway.release",
        "hardware.simulator",
        "hardware.usb_devices",
    },
}
"""Which of our own modules a module may import, besides those of its own room."""

OWNERS: dict[str, frozenset[str]] = {
    "apscheduler": frozenset({"gateway.scheduler"}),
    "babel": frozenset({"gateway.texts", "gateway.templates", "gateway.requests"}),
    "click": frozenset({"gateway.cli"}),
    "cryptography": frozenset({"gateway.store.cipher", "gateway.certificates"}),
    "fcntl": frozenset(
        {
            "gateway.cli.batch",
            "gateway.store.files",
            "hardware.serial_port",
            "hardware.usb_power",
            "hardware.simulator",
        }
    ),
    "flask": frozenset({"gateway.api"}),
    "gsmmodem": frozenset({"hardware.errors", "hardware.pdu"}),
    "http.client": frozenset({"gateway.cli.client", "gateway.webhooks"}),
    "greenlet": frozenset({"gateway.fibres"}),
    "orjson": frozenset({"gateway.api.operations", "gateway.store.challenges"}),
    "phonenumbers": frozenset(
        {"gateway.numbering", "gateway.numbers", "gateway.limits", "gateway.config", "gateway.cli.demo"}
    ),
    "prometheus_client": frozenset({"gateway.metrics"}),
    "rich": frozenset({"gateway.cli"}),
    "selectors": frozenset({"hardware.serial_port", "hardware.simulator"}),
    "serial": frozenset({"hardware.serial_port", "hardware.discovery"}),
    "smtplib": frozenset({"gateway.alarms.mail"}),
    "socket": frozenset(
        {
            "hardware.power_switch",
            "hardware.serial_port",
            "hardware.usb_power",
            "gateway.notify",
            "gateway.tls",
            "gateway.web",
            "gateway.webhooks",
        }
    ),
    "sqlite_utils": frozenset({"gateway.store.database", "gateway.store.opening", "gateway.store.migrations"}),
    "ssl": frozenset(
        {
            "gateway.alarms.mail",
            "gateway.certificates",
            "gateway.cli.client",
            "gateway.config.webhooks",
            "gateway.randomness",
            "gateway.tls",
            "gateway.webhooks.client",
        }
    ),
    "subprocess": frozenset({"hardware.power_switch"}),
    "termios": frozenset({"hardware.serial_port", "hardware.simulator"}),
    "urllib.request": frozenset(),
    "waitress": frozenset({"gateway.tls", "gateway.web", "gateway.web_batches"}),
    "werkzeug": frozenset({"gateway.api"}),
}
"""Who alone may import a library or a way out of the process."""

CALL_OWNERS: dict[str, frozenset[str]] = {
    "time.time": frozenset({"hardware.clock"}),
    "time.clock_gettime": frozenset({"hardware.clock"}),
    "datetime.now": frozenset(),
    "datetime.utcnow": frozenset(),
    "date.today": frozenset(),
    "time.sleep": frozenset({"gateway.cli"}),
    "threading.Thread": frozenset(
        {
            "gateway.alarms.mail",
            "gateway.fleet",
            "gateway.scheduler",
            "gateway.web",
            "gateway.web_batches",
            "gateway.webhooks",
            "hardware.simulator",
        }
    ),
    "os.fork": frozenset({"gateway.cli.serve"}),
    "os.system": frozenset(),
}
"""Who alone may read the wall clock, sleep or start threads."""
SQL_METHODS = frozenset({"execute", "executemany", "executescript"})


@dataclass
class Module:
    """One module of ours: its name and its tree, and what it imports."""

    name: str
    tree: ast.Module
    imports: set[str] = field(default_factory=set)
    """Full names of modules and of names in them, everywhere in the file."""
    at_import: set[str] = field(default_factory=set)
    """Those that are imported when the module is."""

    @classmethod
    def of(cls, name: str, source: str, *, package: bool = False) -> Module:
        module = cls(name, ast.parse(source))
        home = name if package else name.rpartition(".")[0]
        lazy = {id(inner) for node in ast.walk(module.tree) if _is_lazy(node) for inner in ast.walk(node)}
        for node in ast.walk(module.tree):
            for imported in _imported(node, home):
                module.imports.add(imported)
                if id(node) not in lazy:
                    module.at_import.add(imported)
        return module


def _is_lazy(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imported(node: ast.AST, home: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = home.split(".")[: len(home.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        yield from (f"{base}.{alias.name}" for alias in node.names)


def under(name: str, prefix: str) -> bool:
    """Whether `name` is `prefix` or something in it."""
    return name == prefix or name.startswith(f"{prefix}.")


def room_of(name: str) -> str | None:
    """The longest prefix that has a rule."""
    return max((prefix for prefix in ALLOWED if under(name, prefix)), key=len, default=None)


def ours(module: Module) -> list[str]:
    """What it imports of our own packages, in order."""
    return sorted(one for one in module.imports if any(under(one, package) for package in PACKAGES))


def turned_arrows(module: Module) -> list[str]:
    """Imports of ours that its rule does not allow."""
    if module.name in PACKAGES:
        return [f"{module.name} imports {one}" for one in ours(module)]
    room = room_of(module.name)
    if room is None:
        return [f"{module.name} has no rule: give it one in ALLOWED"]
    allowed = {room, *ALLOWED[room]}
    return [f"{module.name} imports {one}" for one in ours(module) if not any(under(one, to) for to in allowed)]


def foreign_uses(module: Module) -> list[str]:
    """Libraries and calls that belong to another room."""
    wrong = [
        f"{module.name} imports {one}, which belongs to {sorted(owners) or 'nobody'}"
        for one in sorted(module.imports)
        for library, owners in OWNERS.items()
        if under(one, library) and not any(under(module.name, owner) for owner in owners)
    ]
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        called = ast.unparse(node.func)
        if node.func.attr in SQL_METHODS and not under(module.name, "gateway.store"):
            wrong.append(f"{module.name}:{node.lineno} calls {called}: SQL belongs to gateway.store")
        for call, owners in CALL_OWNERS.items():
            if (called == call or called.endswith(f".{call}")) and not any(under(module.name, o) for o in owners):
                wrong.append(f"{module.name}:{node.lineno} calls {call}, which belongs to {sorted(owners) or 'nobody'}")
    return wrong


def every_file() -> dict[str, Path]:
    """The files of both packages, by the name of their module."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


FILES = every_file()


@cache
def module(name: str) -> Module:
    """A module of ours, read when a test wants it: not by everyone who only collects tests."""
    path = FILES[name]
    return Module.of(name, path.read_text(encoding="utf-8"), package=path.stem == "__init__")


def every_module() -> dict[str, Module]:
    """All modules of both packages, by name."""
    return {name: module(name) for name in FILES}


def test_there_is_something_to_check() -> None:
    assert {"hardware.pdu", "hardware.at.channel", "gateway.store", "gateway.api", "gateway.cli"} <= set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_arrows_are_never_turned(name: str) -> None:
    assert not turned_arrows(module(name))


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_room_touches_only_what_is_its_own(name: str) -> None:
    assert not foreign_uses(module(name))


def test_the_simulator_is_built_only_for_the_service_and_by_the_command_line() -> None:
    users = {
        name
        for name, module in every_module().items()
        if not under(name, "hardware.simulator") and any(under(one, "hardware.simulator") for one in module.imports)
    }
    assert users <= {"gateway.simulated", "gateway.cli.demo", "gateway.cli.simulate", "gateway.cli.virtual"}


def test_only_the_modem_side_of_the_gateway_knows_modems_by_their_driver() -> None:
    users = {
        name
        for name, module in every_module().items()
        if under(name, "gateway") and any(one == "hardware.modem.Modem" for one in module.imports)
    }
    assert users <= MODEM_SIDE | {"gateway.cli.modems"}


def test_the_gateway_uses_public_names_only() -> None:
    private = []
    for module in every_module().values():
        if not under(module.name, "gateway"):
            continue
        for one in module.imports:
            home, _, name = one.rpartition(".")
            if not under(home, "hardware") or home not in FILES:
                continue
            public = getattr(importlib.import_module(home), "__all__", None)
            if name.startswith("_") or (public is not None and name not in public):
                private.append(f"{module.name} imports {one}")
    assert not private


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {
        name: {home for one in module.at_import if (home := _module_of(one)) and home != name}
        for name, module in every_module().items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path[path.index(name) :], name])
        if name in done:
            return
        for upcoming in sorted(graph[name]):
            # A package is there as soon as one of its modules is: that is no detour.
            if not under(name, upcoming):
                visit(upcoming, (*path, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())


def _module_of(imported: str) -> str | None:
    return next((name for name in (imported, imported.rpartition(".")[0]) if name in FILES), None)


def test_every_module_can_be_imported_by_itself() -> None:
    for package in PACKAGES:
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not found.name.endswith("__main__"):
                assert importlib.import_module(found.name)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("hardware.pdu.submit", "from hardware.at import channel"),
        ("hardware.at.channel", "from hardware.pdu import SubmitPdu"),
        ("hardware.at.channel", "def late():\n    import hardware.pdu"),
        ("hardware.simulator.tpdu", "from hardware import pdu"),
        ("hardware.modem.ladder", "from gateway.messages import Message"),
        ("hardware.modem.ladder", "from hardware.simulator import SimulatedModem"),
        ("gateway.api.otp", "from gateway.dispatcher import ModemWorker"),
        ("gateway.api.otp", "from gateway import service"),
        ("gateway.store.outbox", "from gateway.intake import Intake"),
        ("gateway.dispatcher", "from gateway.api import create_app"),
        ("gateway.brand_new", "import os"),
    ],
)
def test_a_turned_arrow_is_found(name: str, source: str) -> None:
    assert turned_arrows(Module.of(name, source))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.intake", "def f(cx):\n    cx.execute('SELECT 1')"),
        ("gateway.verify", "import time\nnow = time.time()"),
        ("gateway.otp", "import datetime\nnow = datetime.datetime.now()"),
        ("gateway.dispatcher", "import threading\nthreading.Thread(target=print)"),
        ("gateway.intake", "import flask"),
        ("gateway.store.outbox", "import apscheduler.schedulers"),
        ("hardware.modem.ladder", "import serial"),
        ("gateway.api.otp", "import urllib.request"),
        ("gateway.api.otp", "from prometheus_client import Counter"),
    ],
)
def test_a_thing_in_the_wrong_hands_is_found(name: str, source: str) -> None:
    assert foreign_uses(Module.of(name, source))


def _first_cells(heading: str) -> list[str]:
    """The names in the first column of a table of docs/architecture.md, one for each time that one stands there."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page[page.index(f"| {heading} |") :].partition("\n\n")[0]
    return [name for line in table.splitlines()[2:] for name in re.split(r", | · ", line.split("|")[1].strip())]


def test_every_module_has_its_room_in_the_document_once() -> None:
    told = [name.strip("`") for name in _first_cells("module")]
    assert sorted(told) == sorted(set(told))
    rooms = {".".join(name.split(".")[:2]) for name in FILES if "." in name}
    assert set(told) == rooms


def test_what_a_line_may_touch_is_told_once() -> None:
    told = _first_cells("what a line may touch")
    assert {"threads", "Flask", "TLS", "SQL"} <= set(told)
    assert sorted(told) == sorted(set(told))


def test_relative_imports_are_followed() -> None:
    assert Module.of("hardware.pdu.submit", "from . import timestamp").imports == {"hardware.pdu.timestamp"}
    assert Module.of("hardware.pdu", "from .submit import X", package=True).imports == {"hardware.pdu.submit.X"}
