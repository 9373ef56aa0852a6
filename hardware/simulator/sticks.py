"""The families of USB sticks; sources as in `families`."""

from __future__ import annotations

from dataclasses import replace

from hardware.simulator.personality import Boot, Personality

_HUAWEI = ("ME", "MT", "SM", "SR")

# Stray indications on the command port, COMMAND NOT SUPPORT, counters that lag by half a second, a port that
# is gone during a reset, four memories with SR, USSD packed in hexadecimal digits on the older sticks. [MM][GA]
HUAWEI = Personality(
    "huawei",
    manufacturer="huawei",
    model="E1752",
    revision="11.126.13.00.00",
    error="COMMAND NOT SUPPORT",
    boot=Boot(
        port=8.0,
        at=8.5,
        sim=11.0,
        sms=14.0,
        register=4.0,
        news=((9.0, "^BOOT:20952548,0,0,0,72"), (11.0, "^SIMST:1"), (15.0, "^SRVST:2"), (15.5, "^MODE:5,4")),
    ),
    resets_drop_port=True,
    memories=(_HUAWEI, _HUAWEI, _HUAWEI),
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cnmi_test="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
    cnmi_default=(1, 1, 0, 2, 0),
    first_index=0,
    report_store="SR",
    storage_counter_lag=0.5,
    news_at_prompt=True,
    drops_input_when_busy=False,
    noise=("^RSSI:17", "^DSFLOWRPT:0000001E,00000000,00000000,0000000000000000,0000000000000000,0003E800,0003E800"),
    noise_off="^CURC",
    access="umts",
    pin_counter="^CPIN",
    iccid={"^ICCID": "^ICCID: {iccid}"},
    ussd="packed",
    accepted=frozenset({"^PORTSEL", "^USSDMODE", "^SYSCFG", "^SYSCFGEX"}),
    fixed={"AT^SYSINFO": "^SYSINFO:2,3,0,5,1,,4"},
    unsupported=frozenset({"+CEREG", "+CCID", "+CPINR"}),
)

# The LTE generation answers USSD in UCS-2 with dcs 72 and does not shout COMMAND NOT SUPPORT. [GA][MM]
HUAWEI_LTE = replace(
    HUAWEI,
    name="huawei_lte",
    model="E3372",
    revision="21.180.01.00.00",
    error="ERROR",
    memories=(("SM", "ME"), ("SM", "ME"), ("SM", "ME")),
    report_store="mem3",
    noise=('^HCSQ:"LTE",46,41,100,24', "^RSSI:17"),
    access="lte",
    ussd="ucs2",
    unsupported=frozenset({"+CCID", "+CPINR"}),
)

# +CFUN? answers as to =?, the service centre is forgotten after +CSMP, SIM state is told without end until +CPMS? is
# asked. [GM][MM]
ZTE = Personality(
    "zte",
    manufacturer="ZTE INCORPORATED",
    model="K3565-Z",
    revision="BD_P673A2V1.0.0B09",
    boot=Boot(port=6.0, at=6.5, sim=9.0, sms=12.0, register=4.0, news=((9.0, "+ZUSIMR:2"),)),
    resets_drop_port=True,
    memories=(_HUAWEI, _HUAWEI, _HUAWEI),
    first_index=0,
    report_store="SR",
    csmp_clears_centre=True,
    noise=("+ZUSIMR:2",),
    noise_seconds=2.0,
    noise_off="+CPMS",
    access="umts",
    pin_counter="+ZPINPUK",
    iccid={"+ZICCID": "+ZICCID: {iccid}"},
    cfun_answer="+CFUN: (0-1,4-7),(0-1)",
    accepted=frozenset({"+ZOPRT", "+ZCDRUN", "+ZSNT"}),
    unsupported=frozenset({"+CEREG", "+CCID", "+CPINR"}),
)
