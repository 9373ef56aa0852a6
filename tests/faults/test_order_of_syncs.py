"""What is on the disk when something is said: the order of system calls of a served gateway, by strace.

A power loss takes what was written and not synced. So before a client reads 202, before a modem reads the first octet
of a PDU and before it is told that it may forget a report or a message, the log of the database must have been written
and then synced, in this order.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hardware.simulator import CINTERION
from tests.acceptance.harness import Gateway, World, until

pytestmark = pytest.mark.timeout(240)  # processes start slowly on a machine that is busy
CALLS = "pwrite64,pwritev,fsync,fdatasync,write,writev,read,sendto,sendmsg,recvfrom"
LINE = re.compile(r'(?P<pid>\d+) +(?P<call>\w+)\((?P<fd>\d+)<(?P<path>[^"]*?)>+(?P<rest>.*)')
RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)")
SYNCS = ("fsync", "fdatasync")


@dataclass
class Call:
    """One system call; `begun` and `ended` are its places in the order of everything."""

    pid: int
    name: str
    path: str
    data: str
    begun: int
    ended: int


def calls_of(trace: str) -> list[Call]:
    """The calls in the order in which they began."""
    found: list[Call] = []
    pending: dict[int, Call] = {}
    for place, line in enumerate(trace.splitlines()):
        if match := RESUMED.match(line):
            if (call := pending.pop(int(match["pid"]), None)) is not None:
                call.data, call.ended = call.data + match["rest"], place
        elif match := LINE.match(line):
            call = Call(int(match["pid"]), match["call"], match["path"], match["rest"], place, place)
            found.append(call)
            if line.endswith("<unfinished ...>"):
                pending[call.pid], call.ended = call, 10**9
    return found


class Trace:
    """What one run of the gateway did."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls
        self.modems = {call.pid for call in calls if call.name == "write" and "/dev/pts/" in call.path}
        """The threads that own modems."""

    def writes_to_modem(self, what: str) -> list[Call]:
        return [call for call in self.calls if call.pid in self.modems and call.name == "write" and what in call.data]

    def before(self, end: Call, what: str, *names: str, pid: int | None = None) -> Call:
        """The newest of these calls that has `what` in it and ended before `end` began."""
        found = [
            call
            for call in self.calls
            if call.name in names and what in call.data and call.ended < end.begun and pid in (None, call.pid)
        ]
        assert found, f"no {what} before {end}"
        return found[-1]

    def must_be_on_disk(self, since: Call, told: Call, pids: set[int]) -> None:
        """Something of these threads was written to the log in between, and it was synced before `told`."""
        between = [call for call in self.calls if call.begun > since.ended and call.ended < told.begun]
        log = [call for call in between if call.path.endswith("simwire.db-wal")]
        written = [call for call in log if call.name.startswith("pwrite") and call.pid in pids]
        assert written, f"nothing was stored before {told}"
        synced = [call for call in log if call.name in SYNCS and call.begun > written[-1].ended]
        assert synced, f"not synced when this was said: {told}"


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trace]:
    """A message, a code, their reports (this kind of modem stores them) and a received message."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let strace look at processes")
    folder = tmp_path_factory.mktemp("syncs")
    world, log = World(folder, 1, CINTERION), folder / "trace.txt"
    gateway = Gateway(world.write_config(sim1="time_scale = 0.1"))
    gateway.under = [*("strace", "-D", "-f", "-yy", "--seccomp-bpf", "-s", "2000"), "-o", str(log)]
    gateway.under += ["-e", f"trace={CALLS}", "-e", "signal=none"]
    try:
        gateway.start(90)
        gateway.make_key("messages:send", "messages:read", "otp:send", "inbox:read", "modems:manage", "modems:read")
        gateway.until_ready(1)
        assert gateway.call("POST", "/v1/modems/sim1/pause")[0] == 200
        _, message = gateway.call("POST", "/v1/messages", {"to": "+447700900201", "text": "hello"})
        _, code = gateway.call("POST", "/v1/otp", {"to": "+447700900202", "purpose": "login"})
        assert gateway.call("POST", "/v1/modems/sim1/resume")[0] == 200
        for identity in (message["id"], code["message_id"]):
            assert gateway.message(identity)["state"] == "delivered"
        world.server.call(lambda: world.network.handset("+447700900203").send("an answer", to="+447700900151"))
        until(lambda: gateway.call("GET", "/v1/inbox")[1]["items"], 30, "the message is shown")
        assert gateway.stop() == 0
        yield Trace(calls_of(log.read_text(encoding="utf-8", errors="replace")))
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()
        world.stop()


def test_a_message_and_a_code_are_on_the_disk_before_a_client_reads_202(trace: Trace) -> None:
    answers = [call for call in trace.calls if call.name in ("sendto", "sendmsg") and "HTTP/1.1 202" in call.data]
    assert len(answers) == 2
    for answer, path in zip(answers, ("/v1/messages", "/v1/otp"), strict=True):
        request = trace.before(answer, f"POST {path} ", "recvfrom", "read")
        trace.must_be_on_disk(request, answer, {call.pid for call in trace.calls} - trace.modems)


def test_the_mark_is_on_the_disk_before_the_first_octet_of_a_pdu(trace: Trace) -> None:
    pdus = trace.writes_to_modem(r"\32")
    assert len(pdus) == 2
    for pdu in pdus:
        command = trace.before(pdu, "AT+CMGS=", "write", pid=pdu.pid)
        trace.must_be_on_disk(command, pdu, {pdu.pid})


def test_a_report_and_a_message_are_on_the_disk_before_the_modem_may_forget_them(trace: Trace) -> None:
    told = [*trace.writes_to_modem("AT+CNMA"), *trace.writes_to_modem("AT+CMGD=")]
    assert len(told) >= 3, "two reports and a message"
    for one in told:
        said = "+CMG" if "AT+CMGD" in one.data else "+C"  # what was read; news of the next one may come behind it
        trace.must_be_on_disk(trace.before(one, said, "read", pid=one.pid), one, {one.pid})
