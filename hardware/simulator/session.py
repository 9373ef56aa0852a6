"""What a modem forgets when it restarts, and the refusals that its commands answer with."""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.simulator.personality import Personality


class Refusal(Exception):
    """A command is answered with +CME ERROR or +CMS ERROR; with code None by the family's plain error."""

    def __init__(self, kind: str = "", code: int | None = None) -> None:
        super().__init__(f"{kind} {code}" if code is not None else "plain error")
        self.kind, self.code = kind, code


def cme(code: int) -> Refusal:
    """A refusal by 27.007 9.2."""
    return Refusal("CME", code)


def cms(code: int) -> Refusal:
    """A refusal by 27.005 3.2.5."""
    return Refusal("CMS", code)


@dataclass(slots=True)
class Session:
    """Settings in volatile memory."""

    echo: bool = True
    verbose: bool = True
    quiet: bool = False
    s_registers: dict[int, int] = field(default_factory=lambda: {3: 13, 4: 10, 5: 8})
    error_mode: int = 0
    """+CMEE"""
    text_mode: bool = False
    """+CMGF=1"""
    service: int = 0
    """+CSMS"""
    show_parameters: bool = False
    """+CSDH"""
    more: int = 0
    """+CMMS"""
    domain: int = 1
    """+CGSMS"""
    charset: str = "GSM"
    operator_format: int = 0
    ussd_reports: int = 0
    cnmi: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    memories: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    parameters: list[int] = field(default_factory=lambda: [17, 167, 0, 0])
    """+CSMP: first octet, validity, protocol identifier, data coding"""
    registration_reports: dict[str, int] = field(default_factory=lambda: {"+CREG": 0, "+CGREG": 0, "+CEREG": 0})
    vendor: dict[str, str] = field(default_factory=dict)
    """Values of vendor settings that only have to be remembered."""


def new_session(personality: Personality) -> Session:
    """The settings after a start of that family."""
    return Session(cnmi=list(personality.cnmi_default), memories=list(personality.cpms_default))


CME_TEXT = {
    0: "phone failure",
    3: "operation not allowed",
    4: "operation not supported",
    5: "PH-SIM PIN required",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    20: "memory full",
    21: "invalid index",
    25: "invalid characters in text string",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    50: "Incorrect parameters",
    100: "unknown",
    515: "Please wait, init or command processing in progress",
}
CMS_TEXT = {
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    316: "SIM PUK required",
    320: "memory failure",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
}


def error_text(kind: str, code: int) -> str:
    """What +CMEE=2 shows for a code."""
    return (CME_TEXT if kind == "CME" else CMS_TEXT).get(code, "unknown error")
