"""Commands: answers, news, results, time. Every hostile wire with every chunk size."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.at.channel import AtChannel
from hardware.errors import (
    AtError,
    CommandRejected,
    CommandTimeout,
    ConnectionLost,
    EquipmentError,
    MalformedResponse,
    MessageServiceError,
)
from tests.hardware.at.bench import QuietHooks, hear_out
from tests.hardware.wire import OK, Wire

CHUNKS = pytest.mark.parametrize("chunk", [1, 2, 3, 7, 4096])
PDU = "0791447700090000240C91447700091001000062113221430000024F35"
REPORT = "0791447700090000" + "06070C91447700091001" + "62113221430000" + "62113221530000" + "00"
NEWS = '\r\n+CMTI: "SM",1\r\n', f"\r\n+CMT: ,{len(PDU) // 2 - 8}\r\n{PDU}\r\n", "\r\n^RSSI:17\r\n", "\r\nRING\r\n"


def prefixes(channel: AtChannel) -> list[str]:
    return [news.prefix for news in channel.indications]


@CHUNKS
@pytest.mark.parametrize("echo", [True, False])
def test_an_answer_comes_without_echo_and_result(chunk: int, echo: bool) -> None:
    wire = Wire(chunk=chunk, echo=echo)
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CPMS?", '\r\n+CPMS: "SM",1,10\r\n' + OK)
    assert channel.command("AT+CPMS?", prefix="+CPMS") == ['+CPMS: "SM",1,10']
    assert channel.command("AT+CPMS?") == ['+CPMS: "SM",1,10']  # the command's own name is the prefix
    assert not channel.indications


@CHUNKS
@pytest.mark.parametrize("news", NEWS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_news_never_enter_an_answer(chunk: int, news: str, place: int) -> None:
    wire = Wire(chunk=chunk, echo=True)
    channel = AtChannel(wire, wire.clock)
    parts = [f"\r\n+CMGL: 1,1,,{len(PDU) // 2 - 8}\r\n{PDU}\r\n", OK]
    parts.insert(place, news)
    wire.on("AT+CMGL=4", "".join(parts))
    assert channel.command("AT+CMGL=4", prefix="+CMGL") == [f"+CMGL: 1,1,,{len(PDU) // 2 - 8}", PDU]
    hear_out(channel, wire)
    assert len(channel.indications) == 1
    assert channel.indications[0].pdu == (PDU if "+CMT:" in news else None)


def test_news_between_header_and_body_of_an_answer() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    announced = f'\r\n+CMGR: 1,,21\r\n+CMTI: "SM",2\r\n+CDS: {len(REPORT) // 2 - 8}\r\n'
    wire.on("AT+CMGR=1", announced, (1, f"{REPORT}\r\n{PDU}\r\n" + OK))
    assert channel.command("AT+CMGR=1") == ["+CMGR: 1,,21", PDU]
    assert channel.indications[1].pdu == REPORT
    assert prefixes(channel) == ["+CMTI", "+CDS"]


@CHUNKS
def test_a_report_whose_second_line_pauses_is_whole(chunk: int) -> None:
    wire = Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CSQ", f"\r\n+CDS: {len(PDU) // 2 - 8}\r\n", (3, f"{PDU}\r\n\r\n+CSQ: 9,99\r\n" + OK))
    assert channel.command("AT+CSQ") == ["+CSQ: 9,99"]
    assert channel.indications[0].pdu == PDU


@CHUNKS
def test_what_was_said_before_a_command_was_written_is_no_answer_to_it(chunk: int) -> None:
    """Also where a port does not give all of it at once."""
    wire = Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.say("\r\nxyz\r\n" * (chunk // 2) + "\r\n+CSQ: 31,99\r\n" + OK + "\r\n+CME ERROR: 100\r\n")
    wire.on("AT+CSQ", "\r\n+CSQ: 1,99\r\n" + OK)
    assert channel.command("AT+CSQ") == ["+CSQ: 1,99"]


def test_many_indications_of_one_burst_are_all_told() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.say("".join(f'\r\n+CMTI: "SM",{index}\r\n' for index in range(50)))
    channel.listen(1)
    assert [news.line for news in channel.indications] == [f'+CMTI: "SM",{index}' for index in range(50)]


@pytest.mark.parametrize(
    ("command", "answer", "news"),
    [
        ("AT+CREG?", "+CREG: 2,1", "+CREG: 5"),
        ("AT+CREG?", '+CREG: 2,1,"00A1","0001"', '+CREG: 5,"00A1","0002"'),
        ("AT+CEREG?", "+CEREG:002,001,00A1,0001", "+CEREG: 1,00A1,0010,7"),
        ("AT+CSQ", "+CSQ: 20,99", None),
        ("AT+CPIN?", "+CPIN: READY", None),
        ("AT+CFUN?", "+CFUN: 1", None),
        ("AT+CUSD?", "+CUSD: 1", '+CUSD: 0,"hello",15'),
    ],
)
def test_a_read_answer_is_told_from_an_indication_of_the_same_name(command: str, answer: str, news: str | None) -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    before = f"\r\n{news}\r\n" if news else ""
    wire.on(command, before + f"\r\n{answer}\r\n\r\n{answer}\r\n" + OK)
    assert channel.command(command) == [answer]
    assert [told.line for told in channel.indications] == ([news] if news else []) + [answer]


@pytest.mark.parametrize("command", ["AT+CREG=2", 'AT+CUSD=1,"*100#",15', "AT+CFUN=1", 'AT+CPIN="0000"'])
def test_after_a_setting_a_line_of_its_name_is_news(command: str) -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    name = command[2:].partition("=")[0]
    wire.on(command, f"\r\n{name}: 1\r\n" + OK)
    assert channel.command(command) == []
    assert prefixes(channel) == [name]


def test_bare_answers() -> None:
    wire = Wire(echo=True)
    channel = AtChannel(wire, wire.clock)
    wire.on("ATI", '\r\nMaker\r\nModel 5\r\n+GCAP: +CGSM\r\n\r\n+CMTI: "SM",1\r\n^RSSI:9\r\nIMEI: 1\r\n' + OK)
    assert channel.command("ATI", bare=True) == ["Maker", "Model 5", "+GCAP: +CGSM", "IMEI: 1"]
    assert prefixes(channel) == ["+CMTI", "^RSSI"]
    wire.on("AT+CGSN", f"\r\n+CDS: {len(PDU) // 2 - 8}\r\n{PDU}\r\n\r\n490154203237518\r\n" + OK)
    assert channel.command("AT+CGSN", bare=True) == ["490154203237518"]


def test_an_answer_over_several_lines() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+COPS=?", '\r\n+COPS: (2,"A","A","00101",0),\r\n(1,"B","B","00102",0)\r\n' + OK)
    assert channel.command("AT+COPS=?") == ['+COPS: (2,"A","A","00101",0),', '(1,"B","B","00102",0)']


@CHUNKS
@pytest.mark.parametrize(
    ("result", "kind", "code", "said"),
    [
        ("ERROR", CommandRejected, None, "ERROR"),
        ("+CMS ERROR: 38", MessageServiceError, 38, "network out of order"),
        ("+CMS ERROR:38", MessageServiceError, 38, "network out of order"),
        ("+CMS ERROR: SIM busy", MessageServiceError, 314, "SIM busy"),
        ("+CMS ERROR", MessageServiceError, None, "no code"),
        ("+CME ERROR: 10", EquipmentError, 10, "SIM not inserted"),
        ("+CME ERROR: SIM PIN required", EquipmentError, 11, "SIM PIN required"),
        ("+CME ERROR: odd", EquipmentError, None, "odd"),
        ("+CME ERROR:", EquipmentError, None, "no code"),
        ("COMMAND NOT SUPPORT", CommandRejected, None, "COMMAND NOT SUPPORT"),
        ("TOO MANY PARAMETERS", CommandRejected, None, "TOO MANY PARAMETERS"),
        ("NO CARRIER", CommandRejected, None, "NO CARRIER"),
        ("MODEM ERROR: 2", CommandRejected, None, "MODEM ERROR: 2"),
    ],
)
def test_every_refusal_ends_its_command(
    chunk: int, result: str, kind: type[CommandRejected], code: int | None, said: str
) -> None:
    wire = Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CSCA?", f"\r\n{result}\r\n")
    with pytest.raises(kind) as refused:
        channel.command("AT+CSCA?")
    assert refused.value.code == code
    assert said in str(refused.value)
    assert wire.clock.boot() < 1_001
    assert channel.command("AT") == []


def test_a_line_that_begins_with_a_result_is_none() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on(
        "AT+CMGR=1", '\r\n+CMGR: "REC READ","+447700900123",,"26/11/23,12:34:00+00"\r\nOK see you\r\nERRORS\r\n' + OK
    )
    assert channel.command("AT+CMGR=1")[1:] == ["OK see you", "ERRORS"]


def test_no_carrier_of_a_call_that_rang_is_not_ours() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.say("\r\nRING\r\n")
    channel.listen(1)
    wire.on("AT+CPMS?", '\r\nNO CARRIER\r\n\r\n+CPMS: "SM",1,10\r\n' + OK)
    assert channel.command("AT+CPMS?") == ['+CPMS: "SM",1,10']


def test_numeric_results_count_only_where_no_information_can_come() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("ATE0V1", "0\r")
    wire.on("ATZ", "4\r")
    wire.on("AT+CGMR", "\r\n0\r\n" + OK)
    assert channel.command("ATE0V1") == []
    with pytest.raises(CommandRejected):
        channel.command("ATZ")
    assert channel.command("AT+CGMR", bare=True) == ["0"]


def test_secrets_of_a_command_are_in_no_error() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on('AT+CPIN="4711"', "\r\n+CME ERROR: 16\r\n")
    with pytest.raises(EquipmentError) as refused:
        channel.command('AT+CPIN="4711"')
    wire.silent = True
    with pytest.raises(CommandTimeout) as silent:
        channel.command('AT+CPIN="4711"')
    assert "4711" not in f"{refused.value!r} {silent.value!r}"


def test_silence_ends_in_time_and_marks_the_channel() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.silent = True
    with pytest.raises(CommandTimeout):
        channel.command("AT+CSQ", timeout=5)
    assert wire.clock.boot() == pytest.approx(1_005)
    assert channel.dirty


def test_a_list_may_take_its_time_line_by_line_but_not_for_ever() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    lines = [(4.0, f"\r\n+CMGL: {index},1,,21\r\n{PDU}\r\n") for index in range(5)]
    wire.on("AT+CMGL=4", *lines, (4.0, OK))
    assert len(channel.command("AT+CMGL=4", timeout=5, extends=True)) == 10
    with pytest.raises(CommandTimeout):
        channel.command("AT+CMGL=4", timeout=5)


def test_an_answer_is_bounded() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CMGL=4", "\r\n+CMGL: 1,1,,21\r\n" + f"{'00' * 2000}\r\n" * 300 + OK)
    with pytest.raises(MalformedResponse):
        channel.command("AT+CMGL=4", extends=True)
    assert channel.command("AT") == []


@pytest.mark.parametrize("rubbish", [b"\xff\xfe\0garbage\r\n", b"$GPGGA,1,2\r\n", b"\x7e\x7d" * 3000, b"\r\nxyz\r\n"])
def test_rubbish_disturbs_no_answer(rubbish: bytes) -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.say(rubbish)
    wire.on("AT+CSQ", "\r\n\xff\xff\r\n+CSQ: 1,99\r\n\0\0" + OK)
    assert channel.command("AT+CSQ") == ["+CSQ: 1,99"]
    assert not channel.indications


def test_a_stream_of_rubbish_outlasts_no_time_out() -> None:
    class Babbler(Wire):
        def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
            self.clock.advance(min(timeout, 0.01))
            return b"$GPGGA,123519,4807.038,N\r\n"

    wire = Babbler()
    channel = AtChannel(wire, wire.clock)
    with pytest.raises(CommandTimeout):
        channel.command("AT+CSQ", timeout=2)
    channel.listen(1)
    assert wire.clock.boot() == pytest.approx(1_003, abs=0.1)


def test_the_port_going_away_ends_a_command_at_once() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CSQ", "\r\n+CSQ")
    wire.lose(after=0.5)
    with pytest.raises(ConnectionLost):
        channel.command("AT+CSQ", timeout=60)
    assert wire.clock.boot() < 1_001


@pytest.mark.parametrize("word", ["RDY", "^SYSSTART", "NORMAL POWER DOWN"])
def test_a_restart_ends_a_command_soon_and_is_told(word: str) -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CSQ", f"\r\n{word}\r\n")
    with pytest.raises(CommandTimeout):
        channel.command("AT+CSQ", timeout=60)
    assert prefixes(channel) == [word]
    assert wire.clock.boot() < 1_005


def test_a_restart_told_late_spoils_no_answer() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CSQ", "\r\nRDY\r\n\r\n+CSQ: 3,99\r\n" + OK)
    assert channel.command("AT+CSQ") == ["+CSQ: 3,99"]


def test_pin_state_without_a_result() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CPIN?", "\r\n+CPIN: READY\r\n")
    assert channel.command("AT+CPIN?", timeout=10) == ["+CPIN: READY"]
    assert not channel.dirty
    assert wire.clock.boot() < 1_003


def test_listening_ends_at_news_at_a_wake_and_in_time() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.say('\r\n+CMTI: "SM",1\r\n', after=3)
    channel.listen(60)
    assert wire.clock.boot() == pytest.approx(1_003)
    wire.wake()
    channel.listen(60)
    assert wire.clock.boot() == pytest.approx(1_003)
    channel.listen(60)
    assert wire.clock.boot() == pytest.approx(1_063)
    assert prefixes(channel) == ["+CMTI"]


def test_a_call_result_or_ok_that_nobody_waits_for_is_nothing() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.say("\r\nOK\r\n\r\n+CMS ERROR: 38\r\nNO CARRIER\r\nERROR\r\n")
    channel.listen(1)
    assert not channel.indications


@given(said=st.binary(max_size=80) | st.sampled_from(NEWS).map(str.encode), chunk=st.integers(1, 9))
def test_no_octets_break_the_channel(said: bytes, chunk: int) -> None:
    wire = Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CPMS?", said.decode("latin-1"), '\r\n+CPMS: "SM",1,10\r\n' + OK)
    with contextlib.suppress(AtError):
        channel.command("AT+CPMS?", timeout=5)
    assert wire.clock.boot() < 1_020
    wire.replace("AT+CPMS?", '\r\n+CPMS: "ME",2,20\r\n' + OK)
    channel.resynchronise(60)
    assert channel.command("AT+CPMS?") == ['+CPMS: "ME",2,20']


@given(
    chunk=st.integers(1, 40),
    echo=st.booleans(),
    news=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(NEWS)), max_size=6),
)
def test_news_anywhere_in_a_submit_are_all_told_and_in_order(
    chunk: int, echo: bool, news: list[tuple[int, str]]
) -> None:
    wire = Wire(chunk=chunk, echo=echo)
    channel = AtChannel(wire, wire.clock)
    at = ["".join(text for place, text in news if place == wanted) for wanted in range(4)]
    wire.on("AT+CMGS=13", at[0] + "\r\n> ")
    wire.on("pdu", f"{at[1]}\r\n+CMGS: 200\r\n{at[2]}{OK}{at[3]}")
    assert channel.submit(13, "00" * 14, QuietHooks()) == 200
    hear_out(channel, wire)
    ordered = [text for place in range(4) for wanted, text in news if wanted == place]
    assert [told.line for told in channel.indications] == [text.split("\r\n")[1] for text in ordered]
