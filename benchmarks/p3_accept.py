"""P3: durable 202s under load, on 1, 8 and 64 kept connections, beside bare Flask on waitress in the same run.

python -m benchmarks.p3_accept [--seconds 2] [--rounds 3]

The modem is paused: what is measured is accepting alone, without the waking of a modem. Every number is another one, so
that nothing about it is known before. On a machine that does other things too, compare the CPU time of a request, not
only the rates.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bare_web import BareWeb
from benchmarks.bench import Figures, Gateway, Instrument, Row, alone, cpu_seconds, percentile, scratch
from benchmarks.load import Measured, run

TITLE = "P3 accept: durable 202s a second"
QUICK = {"seconds": 1.0, "rounds": 1}
CONNECTIONS = (1, 8, 64)
THREADS = 64  # as [api] threads is by default
BARE, INSERT, MESSAGES, OTP = "/bare", "/insert", "/v1/messages", "/v1/otp"
TEXT = "Your parcel arrives today between 14:00 and 16:00."
MOST = 6_000
"""Requests a second that no kind of server here reaches."""


def every_number() -> Iterator[str]:
    """Mobile numbers (two of a thousand are given to nobody, which only warns) in no order, each once.

    So few are alike but for their last four digits that a run does not come to the rate at which such codes are noted.
    """
    return (f"+447{'45789'[place % 5]}{place * 7_919_111 % 100_000_000:08}" for place in range(100_000_000))


def bodies(path: str, numbers: Iterable[str]) -> list[dict[str, Any]]:
    """A request to each number."""
    if path == OTP:
        return [{"to": number, "purpose": "login"} for number in numbers]
    return [{"to": number, "text": TEXT} for number in numbers]


@contextmanager
def paused_gateway(folder: Path) -> Iterator[Gateway]:
    """A gateway whose one modem is set aside by an operator."""
    modem = Instrument()
    gateway = Gateway(folder, modem.path)
    try:
        gateway.post("/v1/modems/sim1/pause", {})
        yield gateway
    finally:
        gateway.stop()
        modem.stop()


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """The figures of one run, and the rows of its table."""
    numbers = every_number()
    rates: dict[tuple[str, int], list[float]] = defaultdict(list)
    ratios: dict[tuple[str, int], list[float]] = defaultdict(list)
    costs: dict[tuple[str, int], list[float]] = defaultdict(list)
    taken: dict[tuple[str, int], list[float]] = defaultdict(list)

    with scratch() as folder, paused_gateway(folder) as gateway:
        bare = BareWeb(folder, THREADS)
        served = (gateway.process.pid, (gateway.host, gateway.port), gateway.key)
        servers = dict.fromkeys((BARE, INSERT), (bare.process.pid, bare.address, ""))
        servers |= dict.fromkeys((MESSAGES, OTP), served)
        for _ in range(options.rounds):
            for connections in CONNECTIONS:
                for path, (pid, address, key) in servers.items():
                    sent = bodies(path, islice(numbers, int(MOST * (options.seconds + 1))))
                    before = cpu_seconds(pid)
                    done: Measured = run(address, path, sent, connections=connections, seconds=options.seconds, key=key)
                    case = (path, connections)
                    costs[case].append((cpu_seconds(pid) - before) / sum(done.statuses.values()))
                    rates[case].append(done.rate)
                    taken[case] += done.taken
                    ratios[case].append(done.rate / rates[BARE, connections][-1])
        bare.stop()
    figures: Figures = {}
    rows: list[Row] = []
    for path, connections in rates:
        case, name = (path, connections), f"{path.removeprefix('/v1').strip('/')}_{connections}"
        figures[f"{name}_per_s"] = median(rates[case])
        figures[f"{name}_of_bare"] = median(ratios[case])
        figures[f"{name}_p50_ms"] = percentile(taken[case], 0.5) * 1e3
        figures[f"{name}_p99_ms"] = percentile(taken[case], 0.99) * 1e3
        figures[f"{name}_cpu_us"] = median(costs[case]) * 1e6
        rows.append((f"{path} on {connections}", _cell(figures, name), *_target(path, connections, figures, name)))
    return figures, rows


def _cell(figures: Figures, name: str) -> str:
    return (
        f"{figures[f'{name}_per_s']:5.0f}/s  {figures[f'{name}_of_bare']:4.0%} of bare"
        f"  p50 {figures[f'{name}_p50_ms']:5.2f}  p99 {figures[f'{name}_p99_ms']:6.2f} ms"
        f"  CPU {figures[f'{name}_cpu_us']:4.0f} us"
    )


def _target(path: str, connections: int, figures: Figures, name: str) -> tuple[str, bool | None]:
    if path in (BARE, INSERT):
        return "floor", None
    if connections == 1:
        return "> 400/s", figures[f"{name}_per_s"] > 400
    if connections == 8:
        return "p99 <= 50 ms", figures[f"{name}_p99_ms"] <= 50
    return ">= 50 % of bare", figures[f"{name}_of_bare"] >= 0.5


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load")
    parser.add_argument("--rounds", type=int, default=3)


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p3_accept")


if __name__ == "__main__":
    main()
