"""P2: from a final result to the next AT+CMGS, in a backlog; and the share of time that the radio is busy.

python -m benchmarks.p2_modem_never_idle [--backlog 2000] [--radio-backlog 60]
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

from benchmarks.bench import Figures, Gateway, Instrument, Note, Row, alone, in_seconds, percentile, scratch

TITLE = "P2 modem never idle"
QUICK = {"backlog": 500, "radio_backlog": 10}
PAGE = 500  # recipients in one request


def drain(backlog: int, radio: float) -> list[Note]:
    """Queue a backlog while the modem is paused, then let it go; the modem's notes."""
    with scratch() as folder:
        modem = Instrument(radio)
        gateway = Gateway(folder, modem.path)
        due = in_seconds(4 + backlog / 1000)  # all of it together, once it is stored
        for start in range(0, backlog, PAGE):
            numbers = [f"+447700{900000 + n % 1000}" for n in range(start, min(start + PAGE, backlog))]
            gateway.post("/v1/messages", {"to": numbers, "text": "Backlog", "report": False, "not_before": due})
        deadline = time.monotonic() + 60 + backlog * (radio + 0.05)
        while time.monotonic() < deadline:
            time.sleep(1)
            if (
                not gateway.get("/v1/messages?state=queued&limit=1")["items"]
                and not gateway.get("/v1/messages?state=sending&limit=1")["items"]
            ):
                break
        gateway.stop()
        return modem.stop()


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--backlog", type=int, default=2000)
    parser.add_argument("--radio-backlog", type=int, default=60)


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Without time on the air, and with one second."""
    notes = drain(options.backlog, 0.0)
    if len(notes) != options.backlog:
        raise SystemExit(f"{options.backlog} accepted, {len(notes)} PDUs seen")
    gaps = [(after[0] - before[2]) / 1e9 for before, after in pairwise(notes)]
    rate = (len(notes) - 1) / ((notes[-1][2] - notes[0][2]) / 1e9)
    slow = drain(options.radio_backlog, 1.0)
    busy = sum(note[2] - note[1] for note in slow) / (slow[-1][2] - slow[0][1])
    figures = {
        "messages_per_second": rate,
        "gap_p50_ms": percentile(gaps, 0.5) * 1e3,
        "gap_p99_ms": percentile(gaps, 0.99) * 1e3,
        "busy_share": busy,
    }
    return figures, [
        (f"messages a second, backlog of {options.backlog}", f"{rate:.0f}", ">= 500", rate >= 500),
        ("final result -> AT+CMGS, p50", f"{figures['gap_p50_ms']:.2f} ms", "<= 1 ms", figures["gap_p50_ms"] <= 1),
        ("final result -> AT+CMGS, p99", f"{figures['gap_p99_ms']:.2f} ms", "<= 8 ms", figures["gap_p99_ms"] <= 8),
        ("radio busy at 1 s a part", f"{busy:.2%}", ">= 99.5 %", busy >= 0.995),
    ]


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p2_modem_never_idle")


if __name__ == "__main__":
    main()
