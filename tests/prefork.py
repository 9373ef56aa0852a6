"""`simwire` as a process of its own in a fifth of the time: forked from one that has imported everything already.

`python -m tests.prefork SOCKET` listens; `python -S -E tests/prefork.py SOCKET WORDS…` has a command run there,
with the caller's folder, environment and streams, and ends as it ends. The process's id is written to the file
that PREFORK_PIDS names.
"""

from __future__ import annotations

import json
import os
import socket
import sys

MOST = 1 << 20  # octets of a request; a line of words and an environment


def ask(path: str, words: list[str]) -> int:
    """Have a command run; its exit status."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as there:
        there.connect(path)
        request = json.dumps({"words": words, "folder": os.getcwd(), "environment": dict(os.environ)})
        socket.send_fds(there, [request.encode()], [0, 1, 2])
        pid = there.recv(64).decode()
        if pids := os.environ.get("PREFORK_PIDS"):
            with open(pids, "a", encoding="ascii") as file:
                file.write(f"{pid}\n")
        return int(there.recv(64) or b"1")  # nothing: it was killed


def serve(path: str) -> None:
    """Fork a process for each command that is asked for."""
    import pkgutil

    import gateway.cli

    for found in pkgutil.iter_modules(gateway.cli.__path__, "gateway.cli."):
        if not found.name.endswith("__main__"):
            __import__(found.name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        while True:
            caller, _ = listener.accept()
            octets, streams, *_ = socket.recv_fds(caller, MOST, 3)
            if os.fork() == 0:
                listener.close()
                _run(caller, json.loads(octets), streams)
            caller.close()
            for stream in streams:
                os.close(stream)


def _run(caller: socket.socket, request: dict[str, object], streams: list[int]) -> None:
    import signal

    from gateway.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status: object = 1
    try:
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = (
            open(place, "r" if place == 0 else "w", encoding="utf-8") for place in range(3)
        )
        os.chdir(str(request["folder"]))
        os.environ.clear()
        os.environ.update(request["environment"])  # type: ignore[call-overload]
        sys.argv = ["simwire", *request["words"]]  # type: ignore[misc]
        caller.send(str(os.getpid()).encode())
        main()
    except SystemExit as end:
        status = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.send(str(status if isinstance(status, int) else int(status is not None)).encode())
        os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        import signal

        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: their answer says how they ended
        serve(sys.argv[1])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
