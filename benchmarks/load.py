"""Clients that ask as fast as they are answered, each on one kept connection; a process of its own, so that it takes
no interpreter's lock from what it measures.

    python -m benchmarks.load HOST PORT < ORDER

ORDER is one JSON document: `path`, `headers`, `connections`, `warm` and `seconds` (of time), and `bodies`, which are
sent in turn and never twice. Prints one JSON document: `answers` by status, `seconds`, and `taken`, the microseconds
of each request that began after the warm-up.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LENGTH = b"Content-Length: "


@dataclass(frozen=True, slots=True)
class Measured:
    """What a load came to."""

    rate: float
    """Answers a second."""
    taken: tuple[float, ...]
    """Seconds of each request."""
    statuses: Mapping[str, int]


def run(
    address: tuple[str, int],
    path: str,
    bodies: Sequence[Mapping[str, Any]],
    *,
    connections: int,
    seconds: float,
    key: str = "",
    warm: float = 0.3,
) -> Measured:
    """Load `path` for that long from a process of its own; raises SystemExit where anything but 202 was answered."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    order = {
        "path": path,
        "headers": headers,
        "connections": connections,
        "seconds": seconds,
        "warm": warm,
        "bodies": [json.dumps(body) for body in bodies],
    }
    command = [sys.executable, "-m", "benchmarks.load", address[0], str(address[1])]
    done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    if set(result["answers"]) != {"202"}:
        raise SystemExit(f"POST {path} was answered {result['answers']}")
    taken = tuple(one / 1e6 for one in result["taken"])
    return Measured(len(taken) / result["seconds"], taken, result["answers"])


class _Client:
    """One connection, one request at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begun = 0
        self.seen = b""

    def send(self, request: bytes) -> None:
        self.begun = time.monotonic_ns()
        self.socket.sendall(request)

    def answer(self) -> bytes | None:
        """The status, once an answer is complete."""
        octets = self.socket.recv(65536)
        if not octets:
            raise SystemExit("the server closed a connection")
        self.seen += octets
        head, end, body = self.seen.partition(b"\r\n\r\n")
        if not end:
            return None
        place = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[place:].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        self.seen = body[length:]
        return head[9:12]


def _load(address: tuple[str, int], order: Mapping[str, Any]) -> dict[str, Any]:
    head = f"POST {order['path']} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in order["headers"].items())
    bodies = [body.encode() for body in order["bodies"]]
    requests = iter([f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies])
    poll, clients = select.epoll(), {}
    for _ in range(order["connections"]):
        client = _Client(address)
        clients[client.socket.fileno()] = client
        poll.register(client.socket.fileno(), select.EPOLLIN)
    answers: Counter[str] = Counter()
    taken: list[int] = []
    start = time.monotonic_ns() + int(order["warm"] * 1e9)
    end = start + int(order["seconds"] * 1e9)
    for client in clients.values():
        client.send(next(requests))
    under_way = len(clients)
    while under_way:
        for descriptor, _ in poll.poll():
            client = clients[descriptor]
            if (status := client.answer()) is None:
                continue
            now = time.monotonic_ns()
            answers[status.decode()] += 1
            if start <= client.begun and now <= end:
                taken.append((now - client.begun) // 1000)
            if now < end and (request := next(requests, None)) is not None:
                client.send(request)
            else:
                under_way -= 1
    if time.monotonic_ns() < end:
        raise SystemExit("there were too few bodies for so long a time")
    return {"answers": answers, "seconds": (end - start) / 1e9, "taken": taken}


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    print(json.dumps(_load((options.host, options.port), json.load(sys.stdin))))


if __name__ == "__main__":
    main()
