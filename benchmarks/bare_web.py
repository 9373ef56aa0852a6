"""The floor of accepting: Flask on waitress that reads a JSON body and answers one, and nothing else.

python -m benchmarks.bare_web [--threads 64] [--database FILE] [--modem PORT]

POST /bare answers at once; POST /insert after one row in a SQLite database, synced to disk; POST /submit after such a
row and the AT steps of one message at the modem. Prints its port, and serves until standard input ends.
"""

from __future__ import annotations

import argparse
import json
import logging
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from waitress.server import create_server

from benchmarks.bench import bare_submit, raw_port


class BareWeb:
    """The process, from outside."""

    def __init__(self, folder: Path, threads: int, modem: str | None = None) -> None:
        command = [sys.executable, "-m", "benchmarks.bare_web", "--threads", str(threads)]
        command += [] if modem is None else ["--modem", modem]
        self.process = subprocess.Popen(
            [*command, "--database", str(folder / "bare.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = ("127.0.0.1", int(self.process.stdout.readline()))

    def stop(self) -> None:
        """End it."""
        self.process.communicate(timeout=30)


def application(database: Path, modem: str | None) -> Flask:
    """See the module's text."""
    app = Flask("bare")
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        " CREATE TABLE message (id INTEGER PRIMARY KEY, recipient TEXT, body TEXT)"
    )
    lock = threading.Lock()

    def answered(body: dict[str, Any], number: int) -> Response:
        document = {"id": str(number), "to": body["to"], "state": "queued"}
        return Response(json.dumps(document), 202, content_type="application/json")

    @app.post("/bare")
    def bare() -> Response:
        return answered(request.get_json(), 1)

    def inserted(body: dict[str, Any]) -> int:
        row = (body["to"], json.dumps(body))
        return connection.execute("INSERT INTO message (recipient, body) VALUES (?, ?)", row).lastrowid or 0

    @app.post("/insert")
    def insert() -> Response:
        body = request.get_json()
        with lock:
            number = inserted(body)
        return answered(body, number)

    if modem is not None:
        port = raw_port(modem)

        @app.post("/submit")
        def submit() -> Response:
            body = request.get_json()
            with lock:
                number = inserted(body)
                bare_submit(port)
            return answered(body, number)

    return app


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--modem", help="its port")
    options = parser.parse_args()
    app = application(options.database, options.modem)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = create_server(
        app,
        sockets=[listening],
        threads=options.threads,
        connection_limit=2_000,
        asyncore_use_poll=True,
        ident=None,
    )
    print(listening.getsockname()[1], flush=True)
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
