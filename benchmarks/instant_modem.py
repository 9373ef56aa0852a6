"""A modem that answers at once and notes when: an instrument, so that what is measured is the gateway.

    python -m benchmarks.instant_modem [--radio SECONDS] [--reports SECONDS]

prints the path of its pseudo-terminal, then serves it until standard input ends, then prints one JSON document:
`parts`, a list of [AT+CMGS read, PDU complete, final result written], in nanoseconds of CLOCK_MONOTONIC, one per
message, `numbers`, where each went, and `reports`, a list of [number, +CDS written]: with --reports every part is
delivered so long after its result, or up to twice as long.
It knows just enough AT to be brought up; `hardware.simulator` is the strict one.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import termios
import time
import tty
from collections import deque

ANSWERS = {
    "AT+CGMI": "Simwire",
    "AT+CGMM": "Instant",
    "AT+CGMR": "1",
    "AT+CGSN": "350000000000016",
    "AT+GCAP": "+GCAP: +CGSM",
    "AT+CIMI": "001010000000001",
    "AT+CCID": "+CCID: 8900100000000000017",
    "AT+CFUN?": "+CFUN: 1",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CMEE?": "+CMEE: 1",
    "AT+CMGF?": "+CMGF: 0",
    "AT+CSMS=0": "+CSMS: 1,1,1",
    "AT+CSMS=1": "+CSMS: 1,1,1",
    "AT+CSMS?": "+CSMS: 0,1,1,1",
    "AT+CPMS=?": '+CPMS: ("SM"),("SM"),("SM")',
    "AT+CPMS?": '+CPMS: "SM",0,50,"SM",0,50,"SM",0,50',
    "AT+CNMI=?": "+CNMI: (0-2),(0,1),(0),(0,1),(0,1)",
    "AT+CSCA?": '+CSCA: "+447700900001",145',
    "AT+CREG?": "+CREG: 0,1",
    "AT+CGREG?": "+CGREG: 0,1",
    "AT+CEREG?": "+CEREG: 0,1",
    "AT+CSQ": "+CSQ: 20,99",
    "AT+COPS?": '+COPS: 0,2,"00101"',
}


class InstantModem:
    """One pseudo-terminal, one message at a time."""

    def __init__(self, radio: float, reports: float | None) -> None:
        self.radio, self.reports = radio, reports
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave, termios.TCSANOW)
        self.notes: list[tuple[int, int, int]] = []
        self.numbers: list[str] = []
        self.reported: list[tuple[str, int]] = []
        self._due: deque[tuple[float, str, int]] = deque()
        self.reference = 0
        self.cnmi = "2,1,0,0,0"

    def serve(self) -> None:
        """Until standard input ends."""
        buffer = b""
        begun = 0
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            ready, _, _ = select.select([self.master, sys.stdin], [], [], wait)
            if sys.stdin in ready and not os.read(sys.stdin.fileno(), 1):
                return
            if self.master not in ready:
                if not begun:
                    self.report()
                continue
            buffer += os.read(self.master, 65536)
            now = time.monotonic_ns()
            while buffer:
                if begun:
                    end = next((n for n, octet in enumerate(buffer) if octet in b"\x1a\x1b"), None)
                    if end is None:
                        break
                    pdu, sent, buffer = buffer[:end], buffer[end] == 0x1A, buffer[end + 1 :]
                    if sent:
                        self.finish(begun, now, pdu.decode("ascii"))
                    else:
                        os.write(self.master, b"\r\nOK\r\n")
                    begun = 0
                    continue
                line, mark, rest = buffer.partition(b"\r")
                if not mark:
                    break
                buffer = rest
                command = line.strip(b"\x1b\n ").decode("latin-1").upper()
                if command.startswith("AT+CMGS="):
                    begun = now
                    os.write(self.master, b"\r\n> ")
                elif command.startswith("AT"):
                    os.write(self.master, self.answer(command))

    def finish(self, begun: int, complete: int, pdu: str) -> None:
        """The final result, after the time on the air."""
        if self.radio:
            time.sleep(self.radio)
        self.reference = (self.reference + 1) % 256
        os.write(self.master, b"\r\n+CMGS: %d\r\n\r\nOK\r\n" % self.reference)
        self.notes.append((begun, complete, time.monotonic_ns()))
        self.numbers.append(destination(pdu))
        if self.reports is not None:
            wait = self.reports * (1 + len(self.notes) % 10 / 10)  # not in step with anything
            self._due.append((time.monotonic() + wait, pdu, self.reference))

    def report(self) -> None:
        """The oldest status report: delivered."""
        _, pdu, reference = self._due.popleft()
        address = pdu[6 : 10 + (int(pdu[6:8], 16) + 1) // 2 * 2]
        clock = time.strftime("%y%m%d%H%M%S", time.gmtime()) + "00"  # 23.040 9.2.3.11: digits of each octet swapped
        stamp = "".join(clock[n + 1] + clock[n] for n in range(0, len(clock), 2))
        report = f"0006{reference:02X}{address}{stamp}{stamp}00"
        os.write(self.master, f"\r\n+CDS: {len(report) // 2 - 1}\r\n{report}\r\n".encode())
        self.reported.append((destination(pdu), time.monotonic_ns()))

    def answer(self, command: str) -> bytes:
        """What a healthy modem says."""
        if command.startswith("AT+CNMI=") and command != "AT+CNMI=?":
            self.cnmi = command.removeprefix("AT+CNMI=")
        text = f"+CNMI: {self.cnmi}" if command == "AT+CNMI?" else ANSWERS.get(command)
        if command.startswith("AT+CPMS=") and command not in ANSWERS:
            text = "+CPMS: 0,50,0,50,0,50"
        return (f"\r\n{text}\r\n" if text else "").encode() + b"\r\nOK\r\n"


def destination(pdu: str) -> str:
    """Whom an SMS-SUBMIT without service centre goes to (23.040 9.2.2.2, 9.1.2.5), by its digits."""
    digits, swapped = int(pdu[6:8], 16), pdu[10:]
    return "".join(swapped[n + 1] + swapped[n] for n in range(0, digits + digits % 2, 2))[:digits]


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--radio", type=float, default=0.0, help="seconds a part takes on the air")
    parser.add_argument("--reports", type=float, help="seconds from a result to its status report; default: none")
    options = parser.parse_args()
    modem = InstantModem(options.radio, options.reports)
    print(os.ttyname(modem.slave), flush=True)
    modem.serve()
    noted = {"parts": modem.notes, "numbers": modem.numbers, "reports": modem.reported}
    print(json.dumps(noted), flush=True)


if __name__ == "__main__":
    main()
