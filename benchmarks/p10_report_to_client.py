"""P10: from the last octet of +CDS to the webhook's request, and to the answer of a client that waits.

python -m benchmarks.p10_report_to_client [--messages 500]
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from benchmarks.bench import Figures, Gateway, Instrument, Row, alone, percentile, scratch

TITLE = "P10 report to client"
QUICK = {"messages": 60}
REPORT = 0.03  # seconds from a result to its report, at least


class Receiver:
    """A webhook's server: when the event of each message came."""

    def __init__(self) -> None:
        self.came: dict[str, int] = {}
        came = self.came

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                now = time.monotonic_ns()
                came.setdefault(json.loads(body)["data"]["id"], now)
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--messages", type=int, default=500)


def measure(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """One message after the other: sent, waited for, reported."""
    receiver = Receiver()
    with scratch() as folder:
        secret = folder / "hook.secret"
        secret.write_text("a secret of a benchmark\n", encoding="ascii")
        secret.chmod(0o600)
        modem = Instrument(reports=REPORT)
        hook = f'[[webhook]]\nurl = "{receiver.url}"\nsecret_file = "{secret}"\nevents = ["message.delivered"]\n'
        gateway = Gateway(folder, modem.path, hook + 'allow_private = ["127.0.0.1"]')
        sent, answered = {}, {}
        for number in range(options.messages):
            to = f"4477009{number:05}"
            message = gateway.post("/v1/messages", {"to": f"+{to}", "text": "Your parcel comes today.", "report": True})
            if gateway.get(f"/v1/messages/{message['id']}?wait=20")["state"] != "delivered":
                raise SystemExit("a message was not reported as delivered within 20 s")
            answered[to], sent[to] = time.monotonic_ns(), message["id"]
        time.sleep(1)
        gateway.stop()
        reports = modem.end()["reports"]
    receiver.server.shutdown()
    hooks = [(receiver.came[sent[to]] - at) / 1e6 for to, at in reports if sent[to] in receiver.came]
    if len(hooks) != options.messages:
        raise SystemExit(f"{options.messages} messages reported, {len(hooks)} webhook requests")
    polls = [(answered[to] - at) / 1e6 for to, at in reports]
    figures: Figures = {}
    rows: list[Row] = []
    for name, what, taken in (("webhook", "webhook's request", hooks), ("poll", "long poll answered", polls)):
        for share, most in ((0.5, 15), (0.99, 50)):
            value = figures[f"{name}_p{share * 100:.0f}_ms"] = percentile(taken, share)
            rows.append((f"+CDS -> {what}, p{share * 100:.0f}", f"{value:.1f} ms", f"<= {most} ms", value <= most))
    return figures, rows


def main() -> None:
    """Measure and show."""
    alone("benchmarks.p10_report_to_client")


if __name__ == "__main__":
    main()
