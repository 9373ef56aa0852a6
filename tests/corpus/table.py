"""The compatibility table: `python -m tests.corpus.table` writes docs/compatibility.md, `--check` only compares.

Each row is what the driver made of one trace when the table was written; devices and simulated modems are never in
one table.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hardware.modem import ModemState
from hardware.tracing import Header, Trace
from tests.corpus.play import Outcome, accepted, files, known_as, outcome_of, read, reported

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
COMMAND = "python -m tests.corpus.table"
_HEAD = f"""# Compatibility

Which modems the driver was held against, by [traces](traces.md) of them. The tables are made from the files in
[tests/corpus](../tests/corpus/README.md) by `{COMMAND}`; do not edit them.

Every row is a conversation that was recorded once and is played to the driver in each run of the tests. *comes up* is
the state that the driver reaches before it, *sends* whether a message is taken, *reports* by which route status reports
come and whether one did. A dash: the trace does not have it, or the modem does not tell.

A row says that this program and that recording fit together. It does not say that every firmware of that model
behaves so.
"""
_COLUMNS = ("modem", "firmware", "set up as", "comes up", "sends", "reports", "trace")
_DEVICES = """
## Devices

Modems made of metal and plastic, on somebody's desk.
"""
_NONE = """
**None yet.** Nobody has contributed a trace of a device. If you have a modem, [yours](../tests/corpus/README.md) may
be the first.
"""
_SIMULATED = """
## Simulated, no devices

**These are not modems.** They are families of [the simulator](simulator.md), which behaves as standards, manuals and
other programs say that such modems do. They show that traces can be recorded and played, and nothing about a device of
that name.
"""


def page() -> str:
    """The whole page."""
    rows: dict[str, list[str]] = {"device": [], "simulator": []}
    for path in files():
        trace = read(path)
        rows[trace.header.source].append(_row(path, trace, outcome_of(path)))
    devices = _table(rows["device"]) if rows["device"] else _NONE
    return f"{_HEAD}{_DEVICES}{devices}{_SIMULATED}{_table(rows['simulator'])}"


def _table(rows: list[str]) -> str:
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}", *rows]
    return "\n" + "\n".join(lines) + "\n"


def _row(path: Path, trace: Trace, outcome: Outcome) -> str:
    manufacturer, model, firmware = known_as(trace.header, outcome)
    cells = (
        _modem(trace.header, manufacturer, model),
        firmware or "–",
        outcome.status.profile,
        outcome.status.state.value,
        _sends(trace, outcome),
        _reports(trace, outcome),
        f"[{path.stem}](../tests/corpus/{path.name})",
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _modem(header: Header, manufacturer: str | None, model: str | None) -> str:
    name = " ".join(word.strip() for word in (manufacturer, model) if word) or "not told"
    return f"simulated {name}" if header.source == "simulator" else name


def _sends(trace: Trace, outcome: Outcome) -> str:
    if accepted(trace) is None:
        return "–"
    return "yes" if outcome.reference is not None else f"no: {outcome.refusal or outcome.status.reason}"


def _reports(trace: Trace, outcome: Outcome) -> str:
    if outcome.status.state is not ModemState.READY:
        return "–"
    route = outcome.status.report_route
    if not reported(trace):
        return f"{route}, –"
    return f"{route}, {'came' if outcome.reports else 'none came'}"


def main(words: list[str]) -> int:
    """Write the page, or compare it; the exit status."""
    made = page()
    if words == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
            return 0
        sys.stderr.write(f"{PAGE.name} is not what the corpus says; run {COMMAND}\n")
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
