"""What a number of modems carries, by the model of `benchmarks.queueing`.

python -m benchmarks.capacity --modems 4 --radio lte --per-minute 60
python -m benchmarks.capacity --table
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from benchmarks.queueing import BehindBulk, Queue, Service

RADIOS = {
    "gsm": Service.between(3.0, 6.0),
    "gsm-linked": Service.between(2.0, 3.0),
    "umts": Service.between(2.0, 4.0),
    "lte": Service.between(1.0, 2.0),
    "throttled": Service.between(5.0, 10.0),
}
"""Seconds of one part on the air; `gsm-linked`: with AT+CMMS in a backlog; `throttled`: a slowed SIM."""
MODEMS = (1, 2, 3, 4, 6, 8, 12, 16)
QUICK, SHARE = 5.0, 0.95
"""The rule of thumb: so many of the codes are on the air within so many seconds."""


def main() -> None:
    """Answer one question, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modems", type=int, default=1, help="modems that can send, each with its SIM")
    parser.add_argument("--radio", choices=RADIOS, default="gsm")
    parser.add_argument("--per-minute", type=float, default=10.0, help="codes that come in a minute")
    parser.add_argument("--long-share", type=float, default=0.0, help="share of the messages that have --parts parts")
    parser.add_argument("--parts", type=int, default=2)
    parser.add_argument("--refused", type=float, default=0.0, help="share of parts that are refused and sent again")
    parser.add_argument("--lifetime", type=float, default=300.0, help="seconds that a code lives")
    parser.add_argument("--spare", type=float, default=30.0, help="of which so many must be left when it leaves")
    parser.add_argument("--table", action="store_true", help="codes a minute by modems and radio instead")
    options = parser.parse_args()
    if options.table:
        print(table(lambda queue: queue.percentile(SHARE) <= QUICK))
        return
    try:
        print(json.dumps(answer(options), indent=2))
    except ValueError as error:
        raise SystemExit(f"{error}\n{overload(options)}") from None


def answer(options: argparse.Namespace) -> dict[str, float]:
    """Waits in seconds from acceptance to the air, and shares."""
    queue = _queue(options)
    behind = BehindBulk(queue.modems, queue.rate, queue.service)
    return {
        "load": round(queue.load, 4),
        "mean_wait_s": round(queue.mean, 3),
        "p95_wait_s": round(queue.percentile(0.95), 3),
        "p99_wait_s": round(queue.percentile(0.99), 3),
        "share_within_10_s": round(1 - queue.later_than(10.0), 6),
        "share_that_expires": round(queue.later_than(options.lifetime - options.spare), 9),
        "mean_wait_behind_endless_bulk_s": round(behind.mean, 3),
        "mean_wait_with_one_modem_away_s": round(_one_away(queue), 3),
    }


def overload(options: argparse.Namespace) -> str:
    """What happens to codes that are more than the modems carry."""
    load = _queue(options).load
    return (
        f"of each 100 codes about {100 / load:.0f} go out, each after nearly its whole lifetime;"
        " the gateway refuses the others with 503 once they would leave too late. Add modems."
    )


def table(fits: Callable[[Queue], bool]) -> str:
    """The most codes a minute that still fit, by modems and radio, as a table in Markdown."""
    lines = [f"| modems | {' | '.join(RADIOS)} |", "|---" * (len(RADIOS) + 1) + "|"]
    for modems in MODEMS:
        cells = (f"{most(modems, service, fits):.0f}" for service in RADIOS.values())
        lines.append(f"| {modems} | {' | '.join(cells)} |")
    return "\n".join(lines)


def most(modems: int, service: Service, fits: Callable[[Queue], bool]) -> float:
    """Codes a minute, to one per cent of what the modems carry at all."""
    low, high = 0.0, 0.96
    while high - low > 0.01:
        middle = (low + high) / 2
        queue = Queue(modems, middle * modems / service.mean, service)
        low, high = (middle, high) if fits(queue) else (low, middle)
    return low * modems / service.mean * 60


def _queue(options: argparse.Namespace) -> Queue:
    service = RADIOS[options.radio].with_parts(options.long_share, options.parts).sent_again(options.refused)
    return Queue(options.modems, options.per_minute / 60, service)


def _one_away(queue: Queue) -> float:
    try:
        return Queue(queue.modems - 1, queue.rate, queue.service).mean if queue.modems > 1 else float("inf")
    except ValueError:
        return float("inf")


if __name__ == "__main__":
    main()
