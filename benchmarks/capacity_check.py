"""Whether the model of `benchmarks.queueing` tells what the gateway does: both beside each other.

python -m benchmarks.capacity_check [--messages 1500] [--seed 1]

The real sending gateway (outbox, workers, driver, simulated modems) runs in simulated time with codes that come at
random. A mean over a few thousand codes is rough at high load, whatever sends them, so two things are compared: the
model with a plain recursion (a code goes to the modem that is free first) over many arrivals, and the gateway with the
same recursion over the same arrivals and radio times, code by code, with a confidence interval over batches. Both
differences are shares of the model's mean; they add up.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.bench import Figures, Row, percentile, scratch, show
from benchmarks.queueing import BehindBulk, Queue, Service
from benchmarks.rig import LONG, Rig, Span
from gateway.messages import Lane

EQUAL: Span = (2.0, 2.0)
GSM: Span = (3.0, 6.0)
LONG_RUN = 400_000
BATCHES = 20
T_95 = 2.093  # Student's t for 19 degrees of freedom
NUMBERS = 1000


@dataclass(frozen=True)
class Case:
    """One row: so many modems at a load, and what is unusual."""

    name: str
    modems: int
    load: float
    radio: Span = EQUAL
    bulk: bool = False
    away: int = 0
    """Modems that are gone."""
    refused: float = 0.0
    """Share of parts that the network refuses for the moment."""
    three_parts: float = 0.0
    """Share of messages of three parts."""

    @property
    def service(self) -> Service:
        """Of one message that is sent once."""
        return Service.between(*self.radio).with_parts(self.three_parts, 3)

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.load * self.modems * (1 - self.refused) / self.service.mean

    @property
    def model(self) -> Queue | BehindBulk:
        """What the model says of it."""
        modems, service = self.modems - self.away, self.service.sent_again(self.refused)
        return BehindBulk(modems, self.rate, service) if self.bulk else Queue(modems, self.rate, service)


CASES = (
    *(Case("codes only", modems, load) for modems in (1, 2, 4, 8) for load in (0.3, 0.5, 0.7, 0.8, 0.9)),
    *(Case("GSM, 3-6 s", modems, 0.7, GSM) for modems in (1, 4)),
    *(Case("behind endless bulk, GSM", modems, 0.5, GSM, bulk=True) for modems in (1, 4)),
    *(Case("one modem away", modems, load, away=1) for modems, load in ((2, 0.35), (4, 0.6))),
    Case("1 of 10 refused, 2 modems", 2, 0.7, refused=0.1),
    Case("1 of 10 has 3 parts", 2, 0.7, three_parts=0.1),
)


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    figures, rows = measure(parser.parse_args())
    show("Waits of codes: model and gateway in simulated time", rows, figures)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose name begins so")


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Figures for programs and rows for people."""
    figures: Figures = {}
    rows: list[Row] = []
    for case in CASES:
        if not case.name.startswith(options.only):
            continue
        with scratch() as folder:
            waits, alike = simulated(case, folder, options.messages, options.seed)
        model = case.model.mean
        longer = [wait - other for wait, other in zip(waits, alike, strict=True)]
        long_run = mean(list(recursion(case, LONG_RUN, random.Random(options.seed))))
        theory, practice, interval = long_run / model - 1, mean(longer) / model, half_width(longer) / model
        key = f"{case.name} {case.modems} {case.load}".replace(" ", "_")
        figures |= {f"{key}_model_s": model, f"{key}_recursion_s": long_run, f"{key}_recursion_off": theory}
        figures |= {f"{key}_gateway_s": mean(waits), f"{key}_alike_s": mean(alike), f"{key}_gateway_off": practice}
        figures |= {f"{key}_interval": interval}
        measured = (
            f"model {model:.3f}  recursion {long_run:.3f} s ({theory:+.1%});  of the same arrivals: gateway"
            f" {mean(waits):.3f}  recursion {mean(alike):.3f} s ({practice:+.1%} +- {interval:.1%} of the model)"
            f"  p95 {percentile(waits, 0.95):.2f} / {percentile(alike, 0.95):.2f}"
        )
        rows.append(
            (
                f"{case.name}, {case.modems} modems, load {case.load:g}",
                measured,
                "within 10 %",
                abs(theory + practice) <= 0.1,
            )
        )
        print(rows[-1], flush=True)
    return figures, rows


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return math.fsum(values) / len(values)


def half_width(values: Sequence[float]) -> float:
    """Half the 95 % confidence interval of the mean, over batches, because neighbours are alike."""
    size = len(values) // BATCHES
    means = [mean(values[place * size : (place + 1) * size]) for place in range(BATCHES)]
    middle = mean(means)
    spread = math.sqrt(sum((one - middle) ** 2 for one in means) / (BATCHES - 1))
    return T_95 * spread / math.sqrt(BATCHES)


def recursion(case: Case, count: int, chance: random.Random) -> Iterator[float]:
    """Waits of so many codes, each sent by the modem that is free first."""
    arrivals = _arrivals(case, count, chance)
    return _recursion(case, arrivals, lambda: chance.uniform(*case.radio), chance)


def _recursion(
    case: Case, arrivals: Sequence[float], radio: Callable[[], float], chance: random.Random
) -> Iterator[float]:
    free = [0.0] * (case.modems - case.away)
    for at in arrivals:
        while case.bulk and free[0] <= at:  # a part of the bulk was begun
            heapq.heapreplace(free, free[0] + radio())
        begun = max(at, free[0])
        parts = 3 if chance.random() < case.three_parts else 1
        tries = 1
        while case.refused and chance.random() < case.refused:
            tries += 1
        heapq.heapreplace(free, begun + sum(radio() for _ in range(parts * tries)))
        yield begun - at


def _arrivals(case: Case, count: int, chance: random.Random) -> list[float]:
    at, found = 0.0, []
    for _ in range(count):
        at += chance.expovariate(case.rate)
        found.append(at)
    return found


def simulated(case: Case, folder: Path, count: int, seed: int) -> tuple[list[float], list[float]]:
    """Waits of the codes in the gateway, and of the same arrivals in the recursion."""
    chance = random.Random(seed)
    arrivals = _arrivals(case, count, chance)
    rig = Rig(folder, case.modems, case.radio, seed=seed)
    for modem in list(rig.modems.values())[: case.away]:
        modem.vanish(None)
    rig.network.refused_share = case.refused
    if case.bulk:
        parts = int(arrivals[-1] / case.service.mean * case.modems) + 50
        for number in range(parts):
            rig.send("an offer", f"+447700{910000 + number % NUMBERS}", Lane.BULK)
    rig.play(60.0)
    begun, before = rig.clock.boot(), len(rig.network.drawn)
    long = random.Random(seed + 2)
    for number, at in enumerate(arrivals):
        text = LONG if long.random() < case.three_parts else "123456 is your code"
        to = f"+447700{900000 + number % NUMBERS}"
        rig.conductor.at(begun + at, partial(rig.code, to, 3600.0, text))
    rig.conductor.play(begun + arrivals[-1] + 600.0)
    query = (
        "SELECT min(a.submitted_boot) FROM attempts AS a WHERE a.lane = 0 AND a.submitted_boot IS NOT NULL"
        " GROUP BY a.message ORDER BY a.message"
    )
    with rig.store.database.read() as cx:
        waits = [row[0] / 1000 - begun - at for row, at in zip(cx.execute(query), arrivals, strict=True)]
    rig.close()
    drawn = iter(rig.network.drawn[before:])
    alike = _recursion(case, arrivals, lambda: next(drawn, case.service.mean), random.Random(seed + 2))
    return waits, list(alike)


if __name__ == "__main__":
    main()
