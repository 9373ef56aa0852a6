"""What sets one modem family apart, as data: a row of `PROFILES`, never a branch on a maker's name.

The generic row follows the standards and lets the modem's own answers (+CNMI=?, +CPMS=?, refusals) decide; another row
says only what no answer tells. `source` names what each difference was read in. No row was compared with a device here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hardware.at.results import ErrorClass


class ReportRoute(StrEnum):
    """How status reports come from the modem (27.005 3.4.1 <ds>, 3.2.1 <service>)."""

    STORED = "stored"
    """ds=2: stored and announced by +CDSI; survives a crash of the host."""
    DIRECT = "direct"
    """CSMS=0 with ds=1: +CDS, acknowledged by the modem itself."""
    ACKNOWLEDGED = "acknowledged"
    """CSMS=1 with ds=1: +CDS, each acknowledged by +CNMA in time or routing falls to 0."""
    POLLED = "polled"
    """The modem announces no reports; what it stores is found by sweeps, and that may be none."""
    OFF = "off"
    """Not asked for."""


class UssdMode(StrEnum):
    """How `<str>` of +CUSD is written and read where its dcs does not tell (27.007 7.15)."""

    TEXT = "text"
    PACKED = "packed"
    """Hex of packed GSM 7-bit, both ways."""


@dataclass(frozen=True, slots=True)
class Query:
    """A command and where its answer is: the prefix, and the field after it counted from 0."""

    command: str
    prefix: str
    index: int = 0
    bare: bool = False
    """The answer may come without prefix."""


@dataclass(frozen=True, slots=True)
class UsbPort:
    """A USB id of a modem, and the interfaces that take AT in order of preference; () is: probe them all."""

    vendor: int
    product: int | None = None
    """None: any product of that vendor."""
    interfaces: tuple[int, ...] = ()


_CPINR = Query('AT+CPINR="SIM PIN"', "+CPINR", 1)
_CCID = Query("AT+CCID", "+CCID", bare=True)
_ICCID = Query("AT+ICCID", "+ICCID", bare=True)
_CREG, _CGREG, _CEREG = "+CREG", "+CGREG", "+CEREG"
_STANDARD_ORDER = (ReportRoute.DIRECT, ReportRoute.STORED, ReportRoute.ACKNOWLEDGED)
_STORED_FIRST = (ReportRoute.STORED, ReportRoute.DIRECT, ReportRoute.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Profile:
    """One family. Times are in seconds; patterns are searched in +CGMI and +CGMM without regard to case."""

    name: str
    source: str
    manufacturer: str = ""
    model: str = ""
    quiet: tuple[str, ...] = ()
    """Sent as soon as the family is known; refusals are ignored."""
    registration: tuple[str, ...] = (_CREG, _CGREG, _CEREG)
    iccid: tuple[Query, ...] = (_CCID, _ICCID)
    """Tried in order until one answers with 18 to 22 digits."""
    pin_counters: tuple[Query, ...] = (_CPINR,)
    """Tried in order; the field is the number of tries left for the SIM PIN."""
    storages: tuple[str, ...] = ("SM", "ME", "MT")
    """Preference for where incoming messages are stored."""
    report_routes: tuple[ReportRoute, ...] = _STANDARD_ORDER
    report_memory: str | None = None
    """Where +CDSI's reports are when the memory that it names is empty."""
    boot_wait: float = 10.0
    """How long the modem may take until its first OK."""
    sim_wait: float = 30.0
    """How long the SIM may stay busy, absent or unreadable after that."""
    network_wait: float = 30.0
    """How long bring-up waits for registration before it returns in SEARCHING."""
    radio_settle: float = 0.0
    """Pause after AT+CFUN=1."""
    storage_settle: float = 0.5
    """Pause before a message that was announced and not found is looked for again."""
    prompt_timeout: float = 10.0
    submit_timeout: float = 180.0
    ussd: UssdMode = UssdMode.TEXT
    reset_command: str | None = "AT+CFUN=1,1"
    """None: a reset is worse than the illness."""
    reset_settle: float = 5.0
    """How long after its OK a modem may still answer as if there had been no reset."""
    cms_classes: Mapping[int, ErrorClass] = field(default_factory=dict)
    """Meanings of vendor codes of +CMS ERROR."""
    ports: tuple[UsbPort, ...] = ()


GENERIC = Profile("generic", "3GPP TS 27.005, 27.007, 23.040; field reports of vendor ICCID commands")

_R, _P, _U, _M = ErrorClass.RETRY, ErrorClass.PERMANENT, ErrorClass.UNCERTAIN, ErrorClass.RECOVER

_HUAWEI_COUNTER = Query("AT^CPIN?", "^CPIN", 3)  # state,times,PUK,PIN,PUK2,PIN2
_HUAWEI = replace(
    GENERIC,
    name="huawei",
    source="ModemManager Huawei plugin (^CURC, ^CPIN fields, SR memory, packed USSD), gammu (counters late by 0.5 s), "
    "Huawei MU509 AT manual (+CDSI reports that cannot be read: direct reports first)",
    manufacturer=r"huawei",
    quiet=("AT^CURC=0",),
    iccid=(Query("AT^ICCID?", "^ICCID"), _CCID),
    pin_counters=(_HUAWEI_COUNTER, _CPINR),
    storages=("ME", "MT", "SM"),
    storage_settle=0.6,
    ussd=UssdMode.PACKED,
    ports=(UsbPort(0x12D1),),
)
_HUAWEI_LTE = replace(
    _HUAWEI,
    name="huawei-lte",
    source="gammu (UCS-2 USSD with dcs 72), ModemManager Huawei plugin",
    model=r"E3372|E327\d|E3531|E5[0-9]{3}|ME909|K515\d",
    ussd=UssdMode.TEXT,
    ports=(),
)
_ZTE = replace(
    GENERIC,
    name="zte",
    source="ModemManager ZTE plugin (+CPMS? early ends the +ZUSIMR flood), python-gsmmodem's K3565-Z record (stored "
    "reports read by +CMGR, +CFUN? answered like =?, service centre lost), modems of the MF190 row",
    manufacturer=r"\bzte\b",
    quiet=("AT+CPMS?",),
    iccid=(Query("AT+ZICCID?", "+ZICCID"), Query("AT+ZGETICCID", "+ZGETICCID"), _CCID, _ICCID),
    pin_counters=(Query("AT+ZPINPUK=?", "+ZPINPUK"), _CPINR),
    storages=("ME", "MT", "SM"),
    report_routes=_STORED_FIRST,
    ports=(
        UsbPort(0x19D2, 0x0117, (2, 1)), UsbPort(0x19D2, 0x0124, (4, 1)), UsbPort(0x19D2, 0x0082, (3, 1)),
        UsbPort(0x19D2, 0x2003, (3, 1)), UsbPort(0x19D2, 0x0017, (2, 1)), UsbPort(0x19D2, 0x0016, (2, 1)),
        UsbPort(0x19D2),
    ),
)  # fmt: skip
_SIMCOM_CODES = {512: _U, 513: _R, 514: _R, 515: _R, 532: _M, 535: _R} | dict.fromkeys(range(516, 522), _P)
_SIMCOM_800 = replace(
    GENERIC,
    name="simcom-800",
    source="SIMCom SIM800 AT manual (+SPIC, bare +CCID, +CSCLK), Seeed GPRS_SIM900 report 39 (message commands fail "
    "before SMS Ready)",
    manufacturer=r"simcom",
    model=r"SIM(8|9)\d\d",
    quiet=("AT+CSCLK=0",),
    registration=(_CREG, _CGREG),
    pin_counters=(Query("AT+SPIC", "+SPIC"), _CPINR),
    cms_classes=_SIMCOM_CODES,
)
_SIMCOM_7600 = replace(
    _SIMCOM_800,
    name="simcom-7600",
    source="SIMCom SIM7500/SIM7600 AT manual (+CICCID, +SPIC, memories), ModemManager (interface 2 takes AT)",
    model=r"",
    registration=GENERIC.registration,
    iccid=(Query("AT+CICCID", "+ICCID"), _CCID),
    storages=("ME", "MT", "SM"),
    boot_wait=20.0,
    ports=(UsbPort(0x1E0E, 0x9001, (2, 3)), UsbPort(0x1E0E, 0x9011, (2, 3)), UsbPort(0x1E0E, 0x9205, (2, 3)),
           UsbPort(0x1E0E, None, (2, 3))),
)  # fmt: skip
_QUECTEL = replace(
    GENERIC,
    name="quectel",
    source="Quectel EC2x AT manual (+QPINC, +QCCID, +QURCCFG), ModemManager (reports stored in SR, announced as SM), "
    "Quectel forum 4452 (CMS 350 after 135 s without an answer of the network)",
    manufacturer=r"quectel",
    quiet=('AT+QURCCFG="urcport","usbat"', "AT+QSCLK=0"),
    iccid=(Query("AT+QCCID", "+QCCID", bare=True), _CCID),
    pin_counters=(Query('AT+QPINC="SC"', "+QPINC", 1), _CPINR),
    storages=("ME", "MT", "SM"),
    report_memory="SR",
    boot_wait=20.0,
    cms_classes={350: _U},
    ports=(
        UsbPort(0x2C7C, None, (2, 3)),
        UsbPort(0x05C6, 0x9090, (2, 3)), UsbPort(0x05C6, 0x9003, (2, 3)), UsbPort(0x05C6, 0x9215, (2, 3)),
    ),
)  # fmt: skip
_SIERRA = replace(
    GENERIC,
    name="sierra",
    source="ModemManager (ds=1 announced and refused, ds=2 with SR), Linux qcserial (interface 3 takes AT), Sierra "
    "AirPrime EM74xx AT manual (!ICCID, +CPINC), Sierra forum t10538 (OK without +CMGS while NMEA runs)",
    manufacturer=r"sierra",
    model=r"[EM][CM]\d{4}",
    iccid=(Query("AT!ICCID?", "!ICCID"), _CCID),
    pin_counters=(Query("AT+CPINC?", "+CPINC"), _CPINR),
    storages=("ME", "MT", "SM"),
    report_routes=_STORED_FIRST,
    boot_wait=20.0,
    ports=(UsbPort(0x1199, 0x68C0, (3,)), UsbPort(0x1199, None, (3, 2))),
)
_CINTERION = replace(
    GENERIC,
    name="cinterion",
    source="gammu pull request 1207 (MC75i: bfr 1 only, no ME as mem3), ModemManager Cinterion plugin (^SPIC, no "
    "report route on PHS8), smstools3 (TC35: reports by ds=2)",
    manufacturer=r"cinterion|siemens|gemalto|thales",
    iccid=(Query("AT^SCID", "^SCID"), _CCID),
    pin_counters=(Query('AT^SPIC="SC"', "^SPIC"), Query("AT^SPIC", "^SPIC"), _CPINR),
    report_routes=_STORED_FIRST,
    ports=(UsbPort(0x1E2D, 0x005B, (0, 2)), UsbPort(0x1E2D, 0x006F, (0, 2)), UsbPort(0x1E2D, None, (0, 2)),
           UsbPort(0x0681, 0x0034)),
)  # fmt: skip
_UBLOX = replace(
    GENERIC,
    name="u-blox",
    source="ModemManager u-blox plugin (up to 20 s until AT, +UPINCNT), u-blox AT manual (+UPSV)",
    manufacturer=r"u-?blox",
    quiet=("AT+UPSV=0",),
    pin_counters=(Query("AT+UPINCNT", "+UPINCNT"), _CPINR),
    storages=("ME", "MT", "SM"),
    boot_wait=25.0,
    ports=(
        *(UsbPort(0x1546, product) for product in (0x1102, 0x1104, 0x1141, 0x1143, 0x1146)),
        UsbPort(0x1546, 0x1010, (6,)), UsbPort(0x1546, 0x110A, (0, 2, 4)), UsbPort(0x1546, 0x1107, (0, 2, 4)),
        UsbPort(0x05C6, 0x90B2),
    ),
)  # fmt: skip
_TELIT = replace(
    GENERIC,
    name="telit",
    source="gammu issue 272 (reports by ds=1), ModemManager Telit plugin (#PCT, ports), Telit AT reference (#CCID)",
    manufacturer=r"telit",
    iccid=(Query("AT#CCID", "#CCID"), _CCID),
    pin_counters=(Query("AT#PCT", "#PCT"), _CPINR),
    boot_wait=20.0,
    ports=(
        UsbPort(0x1BC7, 0x1201, (4, 5)), UsbPort(0x1BC7, 0x1040, (4, 5)), UsbPort(0x1BC7, 0x1041, (5, 6)),
        UsbPort(0x1BC7, 0x1101, (1, 2)), UsbPort(0x1BC7, 0x110A, (1, 2)), UsbPort(0x1BC7, 0x1050, (4, 5)),
        UsbPort(0x1BC7, 0x1051, (5, 6)), UsbPort(0x1BC7, 0x0021, (0, 3)), UsbPort(0x1BC7),
    ),
)  # fmt: skip
_WAVECOM = replace(
    GENERIC,
    name="wavecom",
    source="python-gsmmodem's Wavecom record (+CPIN? without OK, two memories, CME 515 after CFUN), smstools3 "
    "(CMS 512-515, +WIND), Wavecom AT manual (+CPINC)",
    manufacturer=r"wavecom|multitech",
    quiet=("AT+WIND=0",),
    registration=(_CREG, _CGREG),
    pin_counters=(Query("AT+CPINC", "+CPINC"), _CPINR),
    radio_settle=2.0,
    cms_classes=dict.fromkeys((512, 513, 514, 515), _R),
    ports=(UsbPort(0x114F, 0x1234),),
)

PROFILES: tuple[Profile, ...] = (
    _HUAWEI_LTE, _HUAWEI, _ZTE, _SIMCOM_800, _SIMCOM_7600, _QUECTEL, _SIERRA, _CINTERION, _UBLOX, _TELIT, _WAVECOM,
)  # fmt: skip
"""Rows in order of search: a row for some models stands before the one for the rest of its maker."""


def profile_for(manufacturer: str | None, model: str | None) -> Profile:
    """The first row whose patterns fit what +CGMI and +CGMM said; the generic one where none does."""
    for profile in PROFILES:
        if _found(profile.manufacturer, manufacturer) and _found(profile.model, model):
            return profile
    return GENERIC


def _found(pattern: str, text: str | None) -> bool:
    return not pattern or (text is not None and re.search(pattern, text, re.IGNORECASE) is not None)
