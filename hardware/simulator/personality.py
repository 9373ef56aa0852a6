"""What sets one family of modems apart, as data: a personality is a value, never a branch on a maker's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Boot:
    """Seconds from power-on, and what the modem says by itself meanwhile.

    `port`: the port is there; `at`: commands are answered; `sim`: +CPIN? leaves CME 14; `sms`: message commands leave
    CMS 314; `register`: from SIM ready to registered. `news` are lines with their seconds; "{cpin}" is the SIM's state,
    and a line that names READY is only sent with a card that is.
    """

    port: float = 0.0
    at: float = 0.5
    sim: float = 2.0
    sms: float = 4.0
    register: float = 3.0
    news: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Personality:
    """One modem family. The defaults are a strict modem that follows the standards to the letter."""

    name: str
    manufacturer: str = "Simwire"
    model: str = "Virtual Modem"
    revision: str = "1.0"
    line_end: str = "\r\n"
    prompt: str = "\r\n> "
    error: str = "ERROR"
    """Answer to an unknown command, and to refusals while +CMEE=0."""
    boot: Boot = field(default_factory=Boot)
    reset_delay: float = 0.2
    """Seconds from the OK to AT+CFUN=1,1 until it goes down; it answers as ever meanwhile."""
    resets_drop_port: bool = False
    """USB: the port vanishes at a reset and comes back when the modem has booted."""

    cnmi: tuple[tuple[int, ...], ...] = ((0, 1, 2, 3), (0, 1, 2, 3), (0,), (0, 1, 2), (0, 1))
    cnmi_test: str = "(0-3),(0-3),(0),(0-2),(0,1)"
    cnmi_default: tuple[int, ...] = (0, 0, 0, 0, 0)
    cnmi_refused: tuple[tuple[int, int], ...] = ()
    """Pairs of mode and ds that +CNMI=? announces and that are refused all the same."""
    memories: tuple[tuple[str, ...], ...] = (("SM", "ME", "MT"), ("SM", "ME", "MT"), ("SM", "ME", "MT"))
    cpms_test: str | None = None
    """What +CPMS=? answers where it is not the plain list of `memories`."""
    cpms_default: tuple[str, ...] = ("SM", "SM", "SM")
    cpms_arguments: int = 3
    """The most arguments that +CPMS= takes."""
    slots: int = 100
    """Places of the ME store."""
    first_index: int = 1
    report_store: Literal["mem3", "SR"] = "mem3"
    """Where ds=2 puts status reports."""
    report_store_said: str | None = None
    """What +CDSI calls that store, where it is not its name."""
    reports_unrouted_stored: bool = False
    """With ds=0 status reports are stored as incoming messages, instead of being acknowledged and dropped."""
    ack_seconds: float = 15.0
    """How long +CNMA may take (27.005 3.4.4)."""

    escape_answers: bool = True
    """Whether ESC at the prompt is answered with OK."""
    alpha: str = ""
    """The empty name in +CMGR and +CMGL headers."""
    storage_counter_lag: float = 0.0
    """Seconds for which +CPMS? does not count a message that has just come."""
    text_waits_for_sms: bool = False
    """Whether +CMGF fails until the message service is up."""
    csmp_clears_centre: bool = False
    """Whether +CSMP empties +CSCA."""
    drops_input_when_busy: bool = True
    """What is written while a command runs: dropped, else read afterwards."""
    news_inside_answers: bool = True
    """Whether indications come while a command waits for the network, else after its final result."""
    news_at_prompt: bool = False
    noise: tuple[str, ...] = ()
    """Lines that come by themselves, in turn, every `noise_seconds` unless `noise_off` was set."""
    noise_seconds: float = 30.0
    noise_off: str = ""

    access: Literal["gsm", "umts", "lte"] = "lte"
    pin_counter: str = "+CPINR"
    iccid: Mapping[str, str] = field(default_factory=lambda: {"+CCID": "+CCID: {iccid}"})
    iccid_without_pin: bool = True
    """Whether a locked card still tells its ICCID."""
    cpin_bare: bool = False
    """+CPIN? gives no final result after its line."""
    cfun_answer: str = "+CFUN: {0}"
    cfun_busy_seconds: float = 0.0
    """How long CME 515 is the answer to SIM commands after +CFUN=1."""
    pin_unasked_counts: bool = False
    """Whether a PIN that nobody asked for costs a try."""
    ussd: Literal["text", "ucs2", "packed"] = "text"
    charsets: tuple[str, ...] = ("GSM", "IRA", "UCS2")
    accepted: frozenset[str] = frozenset()
    """Vendor commands that are taken with any value and answer OK."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Commands with a constant answer: the whole command in capitals, and its information line."""
    unsupported: frozenset[str] = frozenset()
    """Standard commands that this family refuses."""
    max_line: int = 556
    """Characters of a command line beyond which it is refused."""
