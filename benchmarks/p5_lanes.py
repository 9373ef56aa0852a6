"""P5: a code that comes while 10,000 bulk messages of five parts are queued: how long until its AT+CMGS.

python -m benchmarks.p5_lanes [--bulk 10000] [--codes 20]

The radio takes one second a part. A code must wait for the part on the air and for nothing else: counted is every
AT+CMGS that the modem reads after the client had its 202 and before the code's own.
"""

from __future__ import annotations

import argparse
import random
import time

from benchmarks.bench import Figures, Gateway, Instrument, Row, alone, percentile, scratch

TITLE = "P5 lanes: a code behind a bulk backlog"
QUICK = {"bulk": 2000, "codes": 5}
PAGE = 1000  # recipients in one request
RADIO = 1.0  # seconds
TEXT = "Dear customer, our shops are open longer in the weeks before the holidays: please see the hours below. " * 6


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--bulk", type=int, default=10_000, help="messages of five parts")
    parser.add_argument("--codes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """A code at random moments, one after the other."""
    chance = random.Random(options.seed)
    with scratch() as folder:
        modem = Instrument(RADIO)
        gateway = Gateway(folder, modem.path)
        for start in range(0, options.bulk, PAGE):
            numbers = [f"+4477{30_000_000 + start + n}" for n in range(min(PAGE, options.bulk - start))]
            gateway.post("/v1/messages", {"to": numbers, "text": TEXT, "priority": "bulk", "report": False})
        parts = gateway.get("/v1/messages?limit=1")["items"][0]["parts"]
        asked = {}
        for number in range(options.codes):
            time.sleep(RADIO + chance.random() * 2 * RADIO)
            to = f"4477009{number:05}"
            begun = time.monotonic_ns()
            gateway.post("/v1/otp", {"to": f"+{to}", "purpose": "login"})
            asked[to] = (begun, time.monotonic_ns())
        time.sleep(2 * RADIO + 0.5)
        gateway.stop()
        noted = modem.end()
    waits, between = [], []
    for to, (begun, answered) in asked.items():
        if to not in noted["numbers"]:
            raise SystemExit("a code did not come to the modem within two parts' time")
        at = noted["parts"][noted["numbers"].index(to)][0]
        waits.append((at - begun) / 1e9)
        between.append(sum(answered < note[0] < at for note in noted["parts"]))
    figures = {
        "wait_p50_s": percentile(waits, 0.5),
        "wait_max_s": max(waits),
        "parts_between_max": max(between),
        "bulk_parts": options.bulk * parts,
    }
    return figures, [
        (f"parts that go first, most; {figures['bulk_parts']} wait", f"{max(between)}", "0", max(between) == 0),
        ("POST -> AT+CMGS, p50 / max", f"{percentile(waits, 0.5):.2f} / {max(waits):.2f} s", "<= 1 part (1 s)", None),
    ]


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p5_lanes")


if __name__ == "__main__":
    main()
