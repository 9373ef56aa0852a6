"""What other gateways do badly at: cables that come loose, answers that are lost, refusals, lifetimes, long messages.

python -m benchmarks.misfortunes [--lost 3]

Simulated modems in processes of their own, with the waits of a real modem. Each misfortune has a gateway of its own,
and all but the first run side by side: they wait far more than they work. A lost answer is waited for as long as the
modem's profile says (180 s), so that three of them on one modem take nine minutes; --lost 0 leaves them out.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from benchmarks.bench import Figures, Gateway, Row, alone, memory_mb, scratch
from benchmarks.virtual_modems import VirtualModems

TITLE = "Misfortunes"
QUICK = {"lost": 0}
Told = tuple[Figures, list[Row]]
MANY = 100
ENDED = ("delivered", "undelivered", "failed", "expired", "cancelled")
LONG = "This is a long notice that does not fit in one part, because it goes on and on about what nobody asked. " * 4


class World:
    """A gateway and its modems."""

    def __init__(self, gateway: Gateway, modems: VirtualModems) -> None:
        self.gateway, self.modems = gateway, modems
        self.accepted: list[str] = []

    def send(self, count: int, **more: Any) -> None:
        """That many messages, to numbers of their own."""
        first = 30_000_000 + len(self.accepted)
        numbers = [f"+4477{first + n}" for n in range(count)]
        body = {"to": numbers, "text": "Your parcel comes today.", "report": True} | more
        answer = self.gateway.post("/v1/messages", body)
        self.accepted += [item["id"] for item in answer["items"]]

    def submits(self) -> list[list[Any]]:
        """What the network took: time, wall time, IMSI, number, reference."""
        taken: list[list[Any]] = self.modems.ask("submits")
        return taken

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Look ten times a second; whether it came true in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if done():
                return True
            time.sleep(0.1)
        return done()

    def idle(self) -> bool:
        """Whether nothing waits for a modem any more."""
        states = ("queued", "sending")
        return not any(self.gateway.get(f"/v1/messages?state={state}&limit=1")["items"] for state in states)

    def messages(self) -> list[Any]:
        """Every message, with its timeline."""
        return [self.gateway.get(f"/v1/messages/{identity}") for identity in self.accepted]

    def silent_duplicates(self) -> int:
        """Copies of a part that the network took, beyond the first and one for each mark in a timeline."""
        marks: Counter[tuple[str, int]] = Counter()
        for message in self.messages():
            marks.update((message["to"], row["part"] or 1) for row in message["timeline"] if row["possible_duplicate"])
        return unmarked(self.submits(), marks)

    def never_sent(self) -> int:
        """Messages that were accepted and that the network did not take."""
        went = {submit[3] for submit in self.submits()}
        return sum(message["to"] not in went for message in self.messages())


def unmarked(submits: Iterable[Sequence[Any]], marks: Mapping[tuple[str, int], int]) -> int:
    """Copies that no mark (by number and part) speaks of. A submit is (…, …, …, number, reference, text, joint, …)."""
    copies = Counter((submit[3], submit[6][2] if submit[6] else 1) for submit in submits)
    return sum(max(0, count - 1 - marks.get(part, 0)) for part, count in copies.items())


@contextmanager
def world(modems: int = 1, submit: float = 0.2) -> Iterator[World]:
    """Started, and ended."""
    with scratch() as folder:
        ports = folder / "ports"
        ports.mkdir()
        simulated = VirtualModems(ports, modems, submit_seconds=submit)
        gateway = Gateway(folder, simulated.ports)
        try:
            yield World(gateway, simulated)
        finally:
            gateway.stop()
            simulated.stop()


def away(seconds: float) -> Told:
    """The stick is out for that long in mid-backlog."""
    with world() as this:
        this.send(MANY)
        this.until(lambda: len(this.submits()) >= 30, 60)
        this.modems.ask("act", modem="sim1", action="Vanish", parameters={"seconds": seconds})
        out = time.clock_gettime(time.CLOCK_BOOTTIME)
        done = this.until(this.idle, seconds + 120)
        back = min((at for at, *_ in this.submits() if at > out + 0.5), default=float("inf")) - out - seconds
        lost, twice = this.never_sent(), this.silent_duplicates()
    name = f"unplugged_{seconds:g}s"
    told = f"{MANY - lost} sent, {twice} silently twice; goes on {back:.1f} s after it is back"
    what = f"unplugged for {seconds:g} s in mid-backlog, {MANY} accepted"
    return {f"{name}_not_sent": lost, f"{name}_twice": twice, f"{name}_goes_on_s": back}, [
        (what, told, "all, none twice", done and not lost and not twice)
    ]


def answers_lost(modems: int, times: int) -> Told:
    """The final result is lost after the network took the message, so many times; a new message every five seconds."""
    with world(modems) as this:
        this.modems.ask("fault", modem="sim1", step="result", action="LoseAnswer", times=times)
        deadline = time.monotonic() + times * 240
        while this.modems.ask("struck").get("LoseAnswer", 0) < times and time.monotonic() < deadline:
            this.send(1)
            time.sleep(5)
        this.until(this.idle, 300)
        time.sleep(2)
        starts = sorted(at for at, *_ in this.submits())
        still = sorted((after - before for before, after in pairwise(starts)), reverse=True)[:times]
        twice, lost = this.silent_duplicates(), this.never_sent()
    name = f"answer_lost_{modems}_modems"
    told = f"{twice} silently twice, {lost} not sent; stands still {still[0]:.0f} s at most"
    return {f"{name}_twice": twice, f"{name}_not_sent": lost, f"{name}_standstill_s": still[0]}, [
        (f"answer lost {times} times, {modems} modem{'s' * (modems > 1)}", told, "none twice", not (twice or lost))
    ]


def refused() -> Told:
    """+CMS ERROR 42 on one submit in ten."""
    with world(submit=0.05) as this:
        fault = {"modem": "sim1", "step": "pdu", "action": "Refuse", "parameters": {"code": 42}}
        this.modems.ask("fault", **fault, times=0, probability=0.1, seed=1)
        this.send(MANY)
        this.until(this.idle, 110)
        lost, twice = this.never_sent(), this.silent_duplicates()
        struck = this.modems.ask("struck").get("Refuse", 0)
    return {"cms_42_not_sent": lost, "cms_42_twice": twice, "cms_42_struck": struck}, [
        (f"+CMS 42 on one submit in ten ({struck}), {MANY} accepted", f"{lost} not sent", "0", not lost and not twice)
    ]


def lifetime_over() -> Told:
    """Lifetimes of ten seconds end while the modem is away."""
    with world() as this:
        this.modems.ask("act", modem="sim1", action="Vanish", parameters={"seconds": 20})
        time.sleep(1)
        this.send(5, lifetime="10s")
        this.until(lambda: all(message["state"] in ENDED for message in this.messages()), 20)
        reasons = {f"{message['state']} ({message['reason']})" for message in this.messages()}
        this.until(lambda: this.gateway.get("/v1/modems")["items"][0]["state"] == "ready", 60)
        time.sleep(2)
        sent = len(this.submits())
    return {"lifetime_over_sent": sent}, [
        ("lifetime over in the queue", f"{sent} sent late; {', '.join(sorted(reasons))}", "0 sent", not sent)
    ]


def long_message() -> Told:
    """A message of three parts is delivered when all three are reported, and not before."""
    with world() as this:
        this.modems.ask("fault", modem="sim1", step="report", action="DelayReport", parameters={"seconds": 6}, nth=3)
        this.send(1, text=LONG)
        this.until(lambda: len(this.submits()) == this.messages()[0]["parts"], 30)
        time.sleep(3)
        two = this.messages()[0]["state"]
        this.until(lambda: this.messages()[0]["state"] in ENDED, 20)
        message = this.messages()[0]
    good = two == "sent" and message["state"] == "delivered"
    told = f"{two} while one report is out, then {message['state']}"
    return {"long_message_parts": message["parts"], "long_message_true": float(good)}, [
        (f"report of a message of {message['parts']} parts", told, "all parts", good)
    ]


def cost() -> Told:
    """Memory and processor for 200 messages with reports."""
    with world(submit=0.0) as this:
        before = this.gateway.cpu
        this.send(200)
        this.until(lambda: len(this.submits()) == 200 and this.idle(), 60)
        time.sleep(1)
        cpu, memory = this.gateway.cpu - before, memory_mb(this.gateway.process.pid, "VmHWM")
    return {"cpu_s_for_200": cpu, "peak_memory_mb": memory}, [
        ("200 messages with reports: peak memory, CPU", f"{memory:.0f} MB, {cpu:.2f} s", "", None)
    ]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--lost", type=int, default=3, help="answers that are lost, on one modem and on two")


def measure(options: argparse.Namespace) -> Told:
    """What is counted first, alone; then everything that waits."""
    figures, rows = cost()
    waiting: list[Callable[[], Told]] = [lambda: away(10), lambda: away(60)]
    if options.lost:
        waiting += [lambda: answers_lost(1, options.lost), lambda: answers_lost(2, options.lost)]
    waiting += [refused, lifetime_over, long_message]
    with ThreadPoolExecutor(len(waiting)) as pool:
        for more, told in pool.map(lambda one: one(), waiting):
            figures |= more
            rows += told
    return figures, rows


def main() -> None:
    """Measure and show."""
    alone("benchmarks.misfortunes")


if __name__ == "__main__":
    main()
