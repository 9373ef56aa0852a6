"""Every error the hardware side raises.

HardwareError
├── TransportError
│   ├── PortUnavailable        the port cannot be opened, or another program holds it
│   └── ConnectionLost         the port vanished or stopped taking bytes, in mid-command too
├── AtError                    the modem answered, and the answer is a refusal or makes no sense
│   ├── CommandTimeout         no final result in time (also gsmmodem's TimeoutException)
│   ├── CommandRejected        ERROR and its like, without a code (also gsmmodem's CommandError)
│   │   ├── EquipmentError     +CME ERROR (also gsmmodem's CmeError), 27.007 9.2
│   │   └── MessageServiceError  +CMS ERROR (also gsmmodem's CmsError), 27.005 3.2.5
│   └── MalformedResponse      the final result was OK and the answer unreadable
├── SubmitUncertain            a PDU was handed over and its outcome is unknown: not a refusal, not a success
├── TraceError                 a file is no trace that can be read; names the line
├── NotReady                   the modem cannot send now; carries the state and what a person can do
└── PduError
    ├── DecodeError            names field and octet (also gsmmodem's EncodingError and ValueError)
    └── EncodeError            names field (also gsmmodem's EncodingError and ValueError)

No message of these carries a PDU, a PIN or a text: `command` is the command's name only.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # python-gsmmodem-new 0.13.0 has invalid escapes and `is` with literals in its source: noise at first compile.
    warnings.simplefilter("ignore")
    from gsmmodem import exceptions as gsm


class HardwareError(Exception):
    """Root of everything raised by the hardware side."""


class TransportError(HardwareError):
    """The way to the modem is at fault."""


class PortUnavailable(TransportError, OSError):
    """The port cannot be opened.

    `kind` is `missing`, `held` (by another program), `forbidden`, `not_found` (no modem with that identity), or
    `sim_wrong` and `modem_wrong` (another card or modem than the configured one answers there).
    """

    def __init__(self, port: str, reason: str, kind: str = "missing") -> None:
        super().__init__(f"port {port} cannot be opened: {reason}")
        self.port, self.reason, self.kind = port, reason, kind


class ConnectionLost(TransportError, ConnectionError):
    """The port vanished, was hung up or stopped taking bytes."""

    def __init__(self, port: str, reason: str) -> None:
        super().__init__(f"connection to {port} lost: {reason}")
        self.port, self.reason = port, reason


class TraceError(HardwareError):
    """A file is no trace that can be read, from this line on."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.reason = line, reason


class AtError(HardwareError):
    """The modem answered with a refusal, with nonsense or not at all."""


class CommandTimeout(AtError, gsm.TimeoutException):  # type: ignore[misc]
    """No final result within the time allowed; nothing is known about the command's effect."""

    def __init__(self, command: str, seconds: float) -> None:
        super().__init__(f"no answer to {command} within {seconds:g} s")
        self.command, self.seconds = command, seconds


class CommandRejected(AtError, gsm.CommandError):  # type: ignore[misc]
    """The modem refused a command without giving a code."""

    def __init__(self, command: str, result: str) -> None:
        AtError.__init__(self, f"{command} refused: {result}")
        self.command, self.result = command, result
        self.type: str | None = None
        self.code: int | None = None


class EquipmentError(CommandRejected, gsm.CmeError):  # type: ignore[misc]
    """+CME ERROR; `code` is None where the modem sent text without a known meaning (27.007 9.2)."""

    def __init__(self, command: str, result: str, code: int | None, meaning: str) -> None:
        AtError.__init__(self, f"{command} refused: {result} ({meaning})")
        self.command, self.result, self.code, self.meaning, self.type = command, result, code, meaning, "CME"


class MessageServiceError(CommandRejected, gsm.CmsError):  # type: ignore[misc]
    """+CMS ERROR; `code` is None where the modem sent text without a known meaning (27.005 3.2.5)."""

    def __init__(self, command: str, result: str, code: int | None, meaning: str) -> None:
        AtError.__init__(self, f"{command} refused: {result} ({meaning})")
        self.command, self.result, self.code, self.meaning, self.type = command, result, code, meaning, "CMS"


class MalformedResponse(AtError):
    """The final result was a success and the answer before it cannot be read."""

    def __init__(self, command: str, what: str) -> None:
        super().__init__(f"{command}: {what}")
        self.command = command


class SubmitUncertain(HardwareError):
    """After Ctrl-Z no result came that says what happened to the message (27.005 3.5.1, 4.3)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"outcome of AT+CMGS unknown: {reason}")
        self.reason = reason


class PduError(HardwareError):
    """A protocol data unit cannot be read or made."""


class DecodeError(PduError, gsm.EncodingError, ValueError):  # type: ignore[misc]
    """Octets that are no such PDU."""

    def __init__(self, field: str, octet: int, reason: str) -> None:
        PduError.__init__(self, f"{field} at octet {octet}: {reason}")
        self.field, self.octet, self.reason = field, octet, reason


class EncodeError(PduError, gsm.EncodingError, ValueError):  # type: ignore[misc]
    """A value that cannot be put into the PDU."""

    def __init__(self, field: str, reason: str) -> None:
        PduError.__init__(self, f"{field}: {reason}")
        self.field, self.reason = field, reason
