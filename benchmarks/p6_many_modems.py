"""P6: 1, 4, 16 and 64 simulated modems, 3 s a part, half of the messages with reports: is every radio kept busy?

python -m benchmarks.p6_many_modems [--sizes 1 4 16 64] [--parts 8]

The modems are in processes of their own, sixteen in each; the processor time of those is shown too, because a simulator
that is late is not a gateway that is idle. Busy share of a modem: what its parts need on the air, over the time from
its first part's acceptance to its last one's. A modem that sends more than one part less than there was time for ends
the measurement with an error.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.bench import Figures, Gateway, Row, alone, cpu_seconds, memory_mb, percentile, scratch
from benchmarks.virtual_modems import VirtualModems

TITLE = "P6 many modems"
QUICK = {"sizes": [1, 64], "parts": 5}
PROCESS = 16  # modems in one
RADIO = 3.0  # seconds
PAGE = 1000  # recipients in one request


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--parts", type=int, default=8, help="that each modem sends while it is measured")


def start_modems(folder: Path, size: int) -> tuple[list[VirtualModems], dict[str, str]]:
    """The processes, and the ports of all their modems by name."""
    processes: list[VirtualModems] = []
    ports: dict[str, str] = {}
    for first in range(0, size, PROCESS):
        own = folder / f"ports{first}"
        own.mkdir()
        process = VirtualModems(own, min(PROCESS, size - first), submit_seconds=RADIO, first=first + 1)
        processes.append(process)
        ports |= process.ports
    return processes, ports


def one_size(size: int, parts: int) -> Figures:
    """A backlog that all modems share; what they did in the time of so many parts."""
    with scratch() as folder:
        processes, ports = start_modems(folder, size)
        gateway = Gateway(folder, ports)
        wanted = size * (parts + 3)
        for report in (True, False):
            for start in range(0, wanted // 2 + 1, PAGE):
                numbers = [f"+4477{30_000_000 + start + n}" for n in range(min(PAGE, wanted // 2 + 1 - start))]
                text = "With a report." if report else "Without a report."
                gateway.post("/v1/messages", {"to": numbers, "text": text, "report": report})
        time.sleep(RADIO * 1.5)  # every modem is at work
        known = [len(process.ask("submits")) for process in processes]
        gateway_before, begun = gateway.cpu, time.monotonic()
        modems_before = [cpu_seconds(process.pid) for process in processes]
        time.sleep(RADIO * parts)
        seconds = time.monotonic() - begun
        cpu = (gateway.cpu - gateway_before) / seconds
        modems_cpu = [
            (cpu_seconds(process.pid) - before) / seconds
            for process, before in zip(processes, modems_before, strict=True)
        ]
        times: dict[str, list[float]] = {}
        for process, after in zip(processes, known, strict=True):
            for at, _, imsi, *_ in process.ask("submits", after=after):
                times.setdefault(imsi, []).append(at)
        memory = memory_mb(gateway.process.pid)
        gateway.kill()  # hundreds of messages are left
        for process in processes:
            process.stop()
    shares = [RADIO * (len(one) - 1) / (one[-1] - one[0]) for one in times.values()]
    gaps = [after - before - RADIO for one in times.values() for before, after in pairwise(one)]
    # The share runs from a modem's first acceptance to its last one, so it does not see one that stopped early.
    kept_on = [one for one in times.values() if len(one) >= parts - 1]
    if len(kept_on) != size:
        raise SystemExit(f"{size} modems, {len(kept_on)} of them sent {parts - 1} parts or more in the time of {parts}")
    return {
        f"busy_least_{size}": min(shares),
        f"busy_p50_{size}": percentile(shares, 0.5),
        f"gap_p50_ms_{size}": percentile(gaps, 0.5) * 1e3,
        f"gap_p99_ms_{size}": percentile(gaps, 0.99) * 1e3,
        f"cpu_{size}": cpu,
        f"cpu_ms_a_part_{size}": cpu * seconds / sum(len(one) for one in times.values()) * 1e3,
        f"modems_cpu_{size}": max(modems_cpu),
        f"memory_mb_{size}": memory,
    }


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Size after size."""
    figures: Figures = {}
    rows: list[Row] = []
    for size in options.sizes:
        figures |= one_size(size, options.parts)
        least, cpu = figures[f"busy_least_{size}"], figures[f"cpu_{size}"]
        met = cpu <= 0.5 if size == 64 else None
        gaps = f"{figures[f'gap_p50_ms_{size}']:.0f} / {figures[f'gap_p99_ms_{size}']:.0f} ms"
        use = f"{cpu:.1%}; {figures[f'cpu_ms_a_part_{size}']:.1f} ms a part"
        rows += [
            (f"{size} modems: radio busy, least of all", f"{least:.2%}", ">= 99 %", least >= 0.99),
            (f"{size}: between two parts, p50 / p99", gaps, "", None),
            (f"{size}: CPU of the gateway", use, "<= 50 % at 64", met),
            (f"{size}: CPU of a simulator process", f"{figures[f'modems_cpu_{size}']:.1%}", "", None),
        ]
    return figures, rows


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p6_many_modems")


if __name__ == "__main__":
    main()
