"""P9: kill -9 with 100,000 messages queued: how long until the gateway is ready again, and until its first AT+CMGS.

python -m benchmarks.p9_after_crash [--queued 100000] [--crashes 3]
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from benchmarks.bench import Figures, Gateway, Instrument, Row, alone, scratch

TITLE = "P9 after a crash"
QUICK = {"queued": 5000, "crashes": 1}
PAGE = 1000  # recipients in one request
RADIO = 0.5  # seconds


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--crashes", type=int, default=3)


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Each crash comes while the modem sends."""
    begun, ready = [], []
    with scratch() as folder:
        modem = Instrument(RADIO)
        gateway = Gateway(folder, modem.path)
        for start in range(0, options.queued, PAGE):
            numbers = [f"+4477{30_000_000 + start + n}" for n in range(min(PAGE, options.queued - start))]
            gateway.post("/v1/messages", {"to": numbers, "text": "Backlog", "report": False})
        for _ in range(options.crashes):
            time.sleep(3 * RADIO)
            gateway.kill()
            time.sleep(2 * RADIO)  # the part on the air comes to its end
            begun.append(time.monotonic_ns())
            gateway.start()
            ready.append(time.monotonic_ns())
            gateway.until_able()
        time.sleep(3 * RADIO)
        gateway.stop()
        notes = modem.stop()
    sent = [next(note[0] for note in notes if note[0] > start) for start in begun]
    readies = [(at - start) / 1e9 for start, at in zip(begun, ready, strict=True)]
    firsts = [(at - start) / 1e9 for start, at in zip(begun, sent, strict=True)]
    figures = {"ready_s": median(readies), "first_s": median(firsts), "first_max_s": max(firsts)}
    return figures, [
        ("process started -> ready", f"{median(readies):.2f} s", "", None),
        (f"-> first AT+CMGS, {options.queued} queued", f"{median(firsts):.2f} s", "<= 3 s", median(firsts) <= 3),
    ]


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p9_after_crash")


if __name__ == "__main__":
    main()
