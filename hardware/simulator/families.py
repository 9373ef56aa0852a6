"""The families that the simulator can be. Each row cites where its difference from GENERIC was seen.

Sources: [MM] ModemManager, [GA] gammu, [GM] python-gsmmodem, [ST] smstools3, [M] the maker's AT manual or application
note, [F] field reports in makers' forums, [EXP] experience without a document. No row was compared with a device here.
"""

from __future__ import annotations

from dataclasses import replace

from hardware.simulator.personality import Boot, Personality
from hardware.simulator.sticks import HUAWEI, HUAWEI_LTE, ZTE

GENERIC = Personality("generic")

# Lines that end with CR CR LF even where no echo explains the first CR. [GA]
DOUBLE_CR = replace(GENERIC, name="double_cr", line_end="\r\r\n")

# A UART module: boot news down to "SMS Ready", before which +CMGF fails, bare +CCID, a PIN that
# was not asked for counts. [F][EXP]
SIM800 = Personality(
    "sim800",
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800L",
    revision="Revision:1418B05SIM800L24",
    boot=Boot(
        at=1.0,
        sim=3.0,
        sms=7.0,
        register=3.0,
        news=(
            (1.0, "RDY"),
            (1.2, "+CFUN: 1"),
            (3.0, "+CPIN: {cpin}"),
            (6.0, "Call Ready"),
            (7.0, "SMS Ready"),
        ),
    ),
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cnmi_test="(0-2),(0-3),(0,2),(0,1),(0,1)",
    cnmi_default=(2, 1, 0, 0, 0),
    memories=(("SM", "MT"),) * 3,
    text_waits_for_sms=True,
    pin_unasked_counts=True,
    news_inside_answers=False,
    access="gsm",
    pin_counter="+SPIC",
    iccid={"+CCID": "{iccid}"},
    accepted=frozenset({"+CSCLK", "+CIURC", "+CLTS"}),
    unsupported=frozenset({"+CEREG", "+CPINR", "+CESQ"}),
)

# SIM7100, SIM7600: USB, "SMS DONE" and "PB DONE" after boot, both report routes. [M][MM]
SIM7600 = Personality(
    "sim7600",
    manufacturer="SIMCOM INCORPORATED",
    model="SIMCOM_SIM7600E-H",
    revision="+CGMR: LE20B03SIM7600M22",
    boot=Boot(
        port=7.0,
        at=9.0,
        sim=11.0,
        sms=14.0,
        register=4.0,
        news=((9.0, "RDY"), (11.0, "+CPIN: {cpin}"), (14.0, "SMS DONE"), (15.0, "PB DONE")),
    ),
    resets_drop_port=True,
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cnmi_test="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
    cnmi_default=(2, 1, 0, 0, 0),
    memories=(("ME", "MT", "SM", "SR"),) * 3,
    first_index=0,
    pin_counter="+SPIC",
    iccid={"+CICCID": "+ICCID: {iccid}"},
    accepted=frozenset({"+CNMP", "+CSCLK"}),
    unsupported=frozenset({"+CCID", "+CPINR"}),
)

# Status reports are stored in SR and announced as SM; indications go to the port that +QURCCFG names. [F][MM]
EC25 = Personality(
    "ec25",
    manufacturer="Quectel",
    model="EC25",
    revision="EC25EFAR06A01M4G",
    boot=Boot(
        port=9.0,
        at=11.0,
        sim=12.0,
        sms=15.0,
        register=3.0,
        news=(
            (11.0, "RDY"),
            (12.0, "+CPIN: {cpin}"),
            (13.0, "+QUSIM: 1"),
            (15.0, "+QIND: SMS DONE"),
            (16.0, "+QIND: PB DONE"),
        ),
    ),
    resets_drop_port=True,
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cnmi_test="(0-2),(0-3),(0,2),(0-2),(0,1)",
    cnmi_default=(2, 1, 0, 0, 0),
    memories=(("SM", "ME", "SR"),) * 3,
    cpms_default=("ME", "ME", "ME"),
    slots=255,
    first_index=0,
    report_store="SR",
    report_store_said="SM",
    pin_counter="+QPINC",
    iccid={"+QCCID": "+QCCID: {iccid}", "+CCID": "+CCID: {iccid}"},
    accepted=frozenset({"+QURCCFG", "+QCFG", "+QSCLK"}),
)

# ds=1 is announced and refused, ds=2 works. [MM]
SIERRA = Personality(
    "sierra",
    manufacturer="Sierra Wireless, Incorporated",
    model="MC7455",
    revision="SWI9X30C_02.24.05.06",
    boot=Boot(port=10.0, at=11.0, sim=13.0, sms=16.0, register=4.0, news=((13.0, "+WIND: 4"),)),
    resets_drop_port=True,
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cnmi_test="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
    cnmi_refused=((0, 1), (1, 1), (2, 1)),
    cpms_default=("ME", "ME", "ME"),
    memories=(("ME", "MT", "SM", "SR"),) * 3,
    report_store="SR",
    slots=255,
    first_index=0,
    pin_counter="",
    iccid={"!ICCID": "!ICCID: {iccid}"},
    accepted=frozenset({"!ENTERCND", "!USBCOMP"}),
    unsupported=frozenset({"+CCID", "+CPINR"}),
)

# bfr may only be 1, +CPMS lists ME for memories that refuse it, CMMS falls back by itself. [GA][MM]
CINTERION = Personality(
    "cinterion",
    manufacturer="Cinterion",
    model="MC75i",
    revision="REVISION 01.301",
    boot=Boot(at=1.5, sim=3.0, sms=5.0, register=4.0, news=((1.5, "^SYSSTART"), (3.0, "+CPIN: {cpin}"))),
    cnmi=((0, 1, 2, 3), (0, 1), (0, 2, 3), (0, 2), (1,)),
    cnmi_test="(0-3),(0,1),(0,2,3),(0,2),(1)",
    cnmi_default=(0, 0, 0, 0, 1),
    memories=(("ME", "SM", "MT"), ("ME", "SM", "MT"), ("SM", "MT")),
    slots=25,
    access="gsm",
    pin_counter="^SPIC",
    iccid={"^SCID": "^SCID: {iccid}", "+CCID": "+CCID: {iccid}"},
    accepted=frozenset({"^SCFG", "^SPOW", "\\Q"}),
    unsupported=frozenset({"+CEREG", "+CPINR", "+CESQ"}),
)

# No route for status reports at all: what comes is stored like a message. [MM]
PHS8 = replace(
    CINTERION,
    name="phs8",
    model="PHS8-P",
    revision="REVISION 03.001",
    boot=replace(CINTERION.boot, port=5.0, at=6.0, sim=8.0, sms=10.0, news=((6.0, "^SYSSTART"),)),
    resets_drop_port=True,
    cnmi=((0, 1, 2), (0, 1), (0, 2), (0,), (1,)),
    cnmi_test="(0,1,2),(0,1),(0,2),(0),(1)",
    reports_unrouted_stored=True,
    access="umts",
)

# Up to 20 s until the first answer; operator and number strings follow +CSCS. [MM][M]
UBLOX = Personality(
    "ublox",
    manufacturer="u-blox",
    model="LARA-R211",
    revision="30.43",
    boot=Boot(port=6.0, at=15.0, sim=16.0, sms=18.0, register=4.0, news=((15.0, "+READY"),)),
    resets_drop_port=True,
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cnmi_test="(0-2),(0-3),(0,2),(0-2),(0-1)",
    cnmi_default=(1, 0, 0, 0, 0),
    cpms_default=("ME", "ME", "ME"),
    memories=(("ME", "SM"), ("ME", "SM"), ("ME", "SM")),
    pin_counter="+UPINCNT",
    accepted=frozenset({"+UPSV", "+URAT"}),
    unsupported=frozenset({"+CPINR"}),
)

# Reports need +CNMI=2,x,0,1; a header field more in +CMGR. [GA][MM]
TELIT = Personality(
    "telit",
    manufacturer="Telit",
    model="HE910",
    revision="12.00.004",
    boot=Boot(port=6.0, at=7.0, sim=9.0, sms=12.0, register=4.0),
    resets_drop_port=True,
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1), (0,)),
    cnmi_test="(0-3),(0-3),(0,2),(0,1),(0)",
    memories=(("SM", "ME"), ("SM", "ME"), ("SM", "ME")),
    access="umts",
    pin_counter="#PCT",
    iccid={"#CCID": "#CCID: {iccid}", "+CCID": "+CCID: {iccid}"},
    alpha='""',
    accepted=frozenset({"#CFLO", "#SMSMODE"}),
    unsupported=frozenset({"+CEREG", "+CPINR"}),
)

# +CPIN? without OK, leading spaces in identities, doubled brackets and two memories in +CPMS=?, CME 515 for seconds
# after +CFUN=1. [GM][ST] ESC at the prompt is not answered. [EXP]
WAVECOM = Personality(
    "wavecom",
    manufacturer=" WAVECOM MODEM",
    model=" MULTIBAND  900E  1800 ",
    revision="641b09gg.Q2403A 1320676 061804 14:38",
    boot=Boot(at=2.0, sim=4.0, sms=8.0, register=5.0, news=((2.0, "+WIND: 3"), (8.0, "+WIND: 4"))),
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2), (0, 1)),
    cnmi_test="(0,1,2,3),(0,1,2,3),(0,1,2,3),(0,1,2),(0,1)",
    cnmi_default=(0, 1, 0, 0, 0),
    memories=(("SM",), ("SM",), ("SM",)),
    cpms_test='(("SM","BM","SR"),("SM"))',
    cpms_arguments=2,
    drops_input_when_busy=True,
    access="gsm",
    pin_counter="+CPINC",
    iccid={"+CCID": '+CCID: "{iccid}"'},
    cpin_bare=True,
    escape_answers=False,
    iccid_without_pin=False,
    cfun_busy_seconds=5.0,
    charsets=("GSM", "PCCP437", "CUSTOM", "HEX"),
    accepted=frozenset({"+WIND", "+WHCNF"}),
    unsupported=frozenset({"+CEREG", "+CPINR", "+CESQ"}),
)

PERSONALITIES: dict[str, Personality] = {
    one.name: one
    for one in (
        GENERIC,
        DOUBLE_CR,
        HUAWEI,
        HUAWEI_LTE,
        ZTE,
        SIM800,
        SIM7600,
        EC25,
        SIERRA,
        CINTERION,
        PHS8,
        UBLOX,
        TELIT,
        WAVECOM,
    )
}
"""Every personality by its name, as `simwire simulate --personality` takes it."""
