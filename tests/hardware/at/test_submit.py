"""The AT+CMGS transaction and the way back from the ones that were given up."""

from __future__ import annotations

import pytest

from hardware.at.channel import AtChannel, LateResult
from hardware.errors import (
    CommandRejected,
    CommandTimeout,
    EquipmentError,
    MessageServiceError,
    SubmitUncertain,
)
from tests.hardware.at.bench import QuietHooks, hear_out
from tests.hardware.wire import OK, Wire

CHUNKS = pytest.mark.parametrize("chunk", [1, 2, 3, 7, 4096])
PDU = "0001000C91447700091032000004D4F29C0E"
LENGTH = len(PDU) // 2 - 1
COMMAND = f"AT+CMGS={LENGTH}"
REPORT = "0791447700090000" + "06070C91447700091001" + "62113221430000" + "62113221530000" + "00"
CDS = f"\r\n+CDS: {len(REPORT) // 2 - 8}\r\n{REPORT}\r\n"


def accepted(reference: int) -> str:
    return f"\r\n+CMGS: {reference}\r\n{OK}"


class Bench:
    def __init__(self, chunk: int = 4096, *, echo: bool = False, prompt: str = "\r\n> ") -> None:
        self.wire = Wire(chunk=chunk, echo=echo)
        self.channel = AtChannel(self.wire, self.wire.clock)
        self.hooks = QuietHooks()
        self.wire.on(COMMAND, prompt)

    def submit(self, **times: float) -> int:
        return self.channel.submit(LENGTH, PDU, self.hooks, **times)

    @property
    def pdus(self) -> int:
        return sum(said.startswith("pdu:") for said in self.wire.heard)


@CHUNKS
@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize("prompt", ["\r\n> ", "\r\n>", "\n>", "> \r\n", "> "])
def test_a_submit_returns_its_reference(chunk: int, echo: bool, prompt: str) -> None:
    bench = Bench(chunk, echo=echo, prompt=prompt)
    bench.wire.on("pdu", accepted(44))
    begun = bench.wire.clock.boot()
    assert bench.submit() == 44
    assert bench.wire.clock.boot() - begun < 0.1, "the space after the prompt is not waited behind"
    assert bench.hooks.calls == ["awaiting_prompt", "before_pdu", "on_air"]
    assert bench.wire.heard == [COMMAND, f"pdu:{PDU}"]
    assert not bench.channel.dirty


@pytest.mark.parametrize(
    ("line", "reference"),
    [
        ("+CMGS:12", 12),
        ("+CMGS: 12,", 12),
        ('+CMGS: 12,"26/11/23,12:34:00+00"', 12),
        ("+CMGS: 255,0001", 255),
        ("+CMGS: 0", 0),
    ],
)
def test_forms_of_the_reference(line: str, reference: int) -> None:
    bench = Bench()
    bench.wire.on("pdu", f"\r\n{line}\r\n" + OK)
    assert bench.submit() == reference


@pytest.mark.parametrize("prompt", ["\r\n> ", "> ", "\r\n> \r\n"])
def test_the_pdu_follows_the_prompt_at_once(prompt: str) -> None:
    """What stands behind the `>` is no line that has begun: it is not waited for."""
    bench = Bench(prompt=prompt)
    bench.wire.on("pdu", accepted(1))
    begun = bench.wire.clock.boot()
    assert bench.submit() == 1
    assert bench.wire.clock.boot() - begun == pytest.approx(0.02)  # two answers of the wire


@CHUNKS
def test_reports_that_come_meanwhile_are_told_at_once(chunk: int) -> None:
    bench = Bench(chunk)
    bench.wire.on("pdu", CDS, (5, '\r\n+CMTI: "SM",1\r\n'), (60, accepted(9) + CDS))
    assert bench.submit() == 9
    assert bench.hooks.calls == ["awaiting_prompt", "before_pdu", "on_air", "news", "news", "slow"]
    hear_out(bench.channel, bench.wire)
    assert [news.pdu for news in bench.channel.indications] == [REPORT, None, REPORT]


@CHUNKS
def test_a_report_before_the_prompt(chunk: int) -> None:
    bench = Bench(chunk, prompt=CDS + "\r\n> ")
    bench.wire.on("pdu", accepted(9))
    assert bench.submit() == 9
    assert [news.pdu for news in bench.channel.indications] == [REPORT]


@pytest.mark.parametrize(
    ("result", "kind"),
    [("+CMS ERROR: 304", MessageServiceError), ("+CME ERROR: 515", EquipmentError), ("ERROR", CommandRejected)],
)
@pytest.mark.parametrize("when", ["prompt", "pdu"])
def test_a_refusal_is_an_error_and_the_channel_clean(result: str, kind: type[CommandRejected], when: str) -> None:
    bench = Bench(prompt=f"\r\n{result}\r\n" if when == "prompt" else "\r\n> ")
    bench.wire.on("pdu", f"\r\n{result}\r\n")
    with pytest.raises(kind) as refused:
        bench.submit()
    assert refused.value.command == "AT+CMGS"
    assert PDU not in repr(refused.value)
    assert bench.pdus == (when == "pdu")
    assert not bench.channel.dirty
    assert bench.channel.command("AT") == []


def test_no_prompt_is_given_up_with_escape_and_asked_for_once_more() -> None:
    bench = Bench(prompt="")
    bench.wire.on(COMMAND, "\r\n> ")
    bench.wire.on("ESC", OK)
    bench.wire.on("AT+CMGF=0", OK)
    bench.wire.on("pdu", accepted(3))
    assert bench.submit(prompt_timeout=10) == 3
    assert bench.wire.heard[:2] == [COMMAND, "ESC"]
    # In text mode, as after a restart, the length would be a number to send to: so the mode is set first.
    assert bench.wire.heard[-3:] == ["AT+CMGF=0", COMMAND, f"pdu:{PDU}"]
    assert bench.hooks.calls.count("awaiting_prompt") == 1
    assert 1_011 <= bench.wire.clock.boot() < 1_013


def test_no_prompt_twice_sends_nothing_and_leaves_a_usable_modem() -> None:
    bench = Bench(prompt="")
    with pytest.raises(CommandTimeout, match=r"AT\+CMGS"):
        bench.submit()
    assert bench.pdus == 0
    assert "before_pdu" not in bench.hooks.calls
    assert bench.channel.command("AT") == []


def test_no_prompt_and_no_pdu_mode_sends_nothing() -> None:
    bench = Bench(prompt="")
    bench.wire.on(COMMAND, "\r\n> ")
    bench.wire.on("ESC", OK)
    bench.wire.on("AT+CMGF=0", "\r\nERROR\r\n")
    with pytest.raises(CommandTimeout, match=r"AT\+CMGS"):
        bench.submit()
    assert bench.pdus == 0


def test_a_prompt_after_a_restart_is_not_trusted() -> None:
    bench = Bench(prompt="\r\nRDY\r\n\r\n> ")
    with pytest.raises(CommandTimeout):
        bench.submit()
    assert bench.pdus == 0
    assert "ESC" in bench.wire.heard


@CHUNKS
@pytest.mark.parametrize("cut", [3, 7])
def test_a_prompt_before_a_restart_is_not_trusted_either(chunk: int, cut: int) -> None:
    """Also where the last of it comes while the prompt is being answered."""
    said = "\r\n> \r\nRDY\r\n"
    bench = Bench(chunk)
    bench.wire.replace(COMMAND, said[:cut], (0.02, said[cut:]))
    bench.wire.replace("AT+CMGF=0", OK)

    class Slow(QuietHooks):
        def before_pdu(self) -> None:
            bench.wire.clock.advance(0.1)

    bench.hooks = Slow()
    with pytest.raises(CommandTimeout):
        bench.submit()
    assert bench.pdus == 0
    assert not bench.channel.dirty


def test_a_modem_that_never_stops_talking_keeps_no_pdu_from_its_time() -> None:
    """What has a lifetime is begun while it lasts, and each line of the modem ends where the next one begins."""
    bench = Bench()
    bench.wire.on("pdu", accepted(44))

    class Talks(QuietHooks):
        def before_pdu(self) -> None:
            for n in range(200):
                bench.wire.say(f"\r\n+CREG: {n % 6}\r\n+CREG", after=0.05 * n)
            self.at = bench.wire.clock.boot()

        def on_air(self) -> None:
            assert bench.wire.clock.boot() - self.at < 1

    bench.hooks = Talks()
    assert bench.submit() == 44


@pytest.mark.parametrize("at", ["awaiting_prompt", "news", "before_pdu"])
def test_a_hook_that_says_no_before_the_pdu_sends_nothing(at: str) -> None:
    bench = Bench(prompt='\r\n+CMTI: "SM",1\r\n' if at == "news" else "\r\n> ")
    bench.hooks = QuietHooks(at, KeyError("no"))
    with pytest.raises(KeyError):
        bench.submit()
    assert bench.pdus == 0
    assert "ESC" in bench.wire.heard
    assert not bench.channel.dirty
    assert bench.channel.command("AT") == []


class ToldToEndError(BaseException):
    """As the gateway's, which nothing handles."""


@pytest.mark.parametrize("at", ["awaiting_prompt", "news", "before_pdu"])
def test_whoever_is_told_to_end_leaves_the_prompt_and_writes_nothing_more(at: str) -> None:
    """Not even where the modem would have much to say to it."""
    bench = Bench(prompt='\r\n+CMTI: "SM",1\r\n' if at == "news" else "\r\n> ")
    bench.hooks = QuietHooks(at, ToldToEndError())
    with pytest.raises(ToldToEndError):
        bench.submit()
    assert bench.wire.heard == [COMMAND, "ESC"]
    assert bench.channel.dirty


def test_whoever_is_told_to_end_ends_also_where_the_port_is_gone() -> None:
    class Unplugged(QuietHooks):
        def awaiting_prompt(self) -> None:
            bench.wire.close()
            raise ToldToEndError

    bench = Bench(prompt="")
    bench.hooks = Unplugged()
    with pytest.raises(ToldToEndError):
        bench.submit()


@pytest.mark.parametrize("at", ["on_air", "news"])
def test_a_hook_that_fails_after_the_pdu_loses_no_result(at: str) -> None:
    bench = Bench()
    bench.hooks = QuietHooks(at, KeyError("disk full"))
    bench.wire.on("pdu", '\r\n+CMTI: "SM",1\r\n', (0.05, accepted(77)))
    with pytest.raises(KeyError):
        bench.submit()
    assert bench.channel.dirty
    assert bench.channel.resynchronise(60) == LateResult(77, None)
    assert not bench.channel.dirty


@pytest.mark.parametrize("said", [OK, "\r\nNO CARRIER\r\n", "", "\r\n+CMGS: what\r\n" + OK])
def test_no_word_about_the_message_is_uncertain(said: str) -> None:
    bench = Bench()
    bench.wire.on("pdu", said)
    with pytest.raises(SubmitUncertain):
        bench.submit(result_timeout=180)
    assert bench.channel.dirty
    assert bench.channel.resynchronise(30) is None
    assert not bench.channel.dirty


@CHUNKS
@pytest.mark.parametrize("word", ["NO CARRIER", "BUSY"])
def test_the_end_of_somebodys_call_answers_no_message(chunk: int, word: str) -> None:
    """What would be written after it could end the message that is on the air."""
    bench = Bench(chunk, prompt=f"\r\n{word}\r\n\r\n> ")
    bench.wire.on("pdu", f"\r\n{word}\r\n", (40, accepted(12)))
    assert bench.submit() == 12
    assert bench.wire.heard == [COMMAND, f"pdu:{PDU}"]


def test_the_port_going_away_after_the_pdu_is_uncertain_at_once() -> None:
    bench = Bench()
    bench.wire.on("pdu", "\r\n")
    bench.wire.lose(after=2)
    with pytest.raises(SubmitUncertain, match="gone"):
        bench.submit()
    assert bench.wire.clock.boot() == pytest.approx(1_002)


def test_a_restart_after_the_pdu_is_uncertain_soon() -> None:
    bench = Bench()
    bench.wire.on("pdu", "\r\nRDY\r\n")
    with pytest.raises(SubmitUncertain, match="restarted"):
        bench.submit()
    assert bench.wire.clock.boot() < 1_005


def test_a_reference_without_ok_is_a_success() -> None:
    bench = Bench()
    bench.wire.on("pdu", "\r\n+CMGS: 5\r\n")
    assert bench.submit() == 5
    assert bench.wire.clock.boot() < 1_010
    assert bench.channel.dirty  # its OK may still come
    assert bench.channel.command("AT") == []


@CHUNKS
@pytest.mark.parametrize("late", [accepted(45), "\r\n+CMS ERROR: 38\r\n"], ids=["reference", "error"])
def test_a_late_result_belongs_to_the_submit_that_was_given_up(chunk: int, late: str) -> None:
    bench = Bench(chunk)
    bench.wire.on("pdu", "")
    with pytest.raises(SubmitUncertain):
        bench.submit()
    # The modem is busy with the message: what it is asked meanwhile it answers afterwards, in order.
    bench.wire.replace("AT", "")
    bench.wire.say(late + OK * 3, after=7)
    found = bench.channel.resynchronise(30)
    assert found is not None
    assert found.reference == (45 if "CMGS" in late else None)
    assert (found.error is not None and found.error.code == 38) is ("CMGS" not in late)


def test_a_late_result_is_found_also_by_the_next_command() -> None:
    bench = Bench()
    bench.wire.on("pdu", "")
    with pytest.raises(SubmitUncertain):
        bench.submit()
    bench.wire.say(accepted(46))
    bench.wire.on("AT+CSQ", "\r\n+CSQ: 1,99\r\n" + OK)
    assert bench.channel.command("AT+CSQ") == ["+CSQ: 1,99"]
    assert bench.channel.resynchronise(30) == LateResult(46, None)


def test_a_late_result_that_nobody_asked_for_is_told_as_news() -> None:
    bench = Bench()
    bench.wire.on("pdu", "")
    with pytest.raises(SubmitUncertain):
        bench.submit()
    bench.wire.say(accepted(46))
    bench.wire.replace("pdu", accepted(47))
    assert bench.submit() == 47
    assert [news.line for news in bench.channel.indications] == ["+CMGS: 46"]


def test_a_late_reference_out_of_the_blue_answers_nothing_else() -> None:
    bench = Bench()
    bench.wire.on("pdu", "")
    with pytest.raises(SubmitUncertain):
        bench.submit()
    assert bench.channel.resynchronise(30) is None
    bench.wire.on("AT+CSQ", accepted(47) + "\r\n+CSQ: 1,99\r\n" + OK)
    assert bench.channel.command("AT+CSQ") == ["+CSQ: 1,99"]
    assert [news.prefix for news in bench.channel.indications] == ["+CMGS"]


@pytest.mark.parametrize("late", ["\r\n+CSQ: 5,99\r\n" + OK, OK, "\r\nERROR\r\n", "\r\n+CME ERROR: 100\r\n"])
@CHUNKS
def test_the_late_answer_of_a_command_answers_no_other(chunk: int, late: str) -> None:
    wire = Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CSQ", (5.05, late))
    with pytest.raises(CommandTimeout):
        channel.command("AT+CSQ", timeout=5)
    wire.on("AT+COPS?", '\r\n+COPS: 0,2,"00101"\r\n' + OK)
    assert channel.command("AT+COPS?") == ['+COPS: 0,2,"00101"']
    assert not channel.indications


def test_an_ok_that_is_late_by_one_is_found_out() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CNMI=2,1", "")
    with pytest.raises(CommandTimeout):
        channel.command("AT+CNMI=2,1")
    # Every answer is now one behind: the first OK is that of AT+CNMI.
    wire.replace("AT", (0.3, OK))
    wire.replace("AT+CMEE?", (0.3, OK + "\r\n+CMEE: 1\r\n"), (0.3, OK))
    assert channel.resynchronise(30) is None
    wire.on("AT+CSQ", "\r\n+CSQ: 2,99\r\n" + OK)
    assert channel.command("AT+CSQ") == ["+CSQ: 2,99"]


def test_a_modem_that_answers_no_question_is_believed_after_silence() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.replace("AT+CMEE?", "\r\nERROR\r\n")
    assert channel.resynchronise(30) is None
    assert wire.heard.count("AT") == 3


def test_a_silent_modem_stays_dirty_and_gets_no_other_command() -> None:
    bench = Bench()
    bench.wire.silent = True
    with pytest.raises(CommandTimeout):
        bench.channel.resynchronise(20)
    assert bench.channel.dirty
    assert bench.wire.clock.boot() == pytest.approx(1_020, abs=1)
    with pytest.raises(CommandTimeout):
        bench.submit()
    assert COMMAND not in bench.wire.heard
    bench.wire.silent = False
    bench.wire.on("pdu", accepted(1))
    assert bench.submit() == 1


def test_a_modem_stuck_at_a_prompt_is_freed() -> None:
    bench = Bench()
    bench.wire.write(f"{COMMAND}\r".encode())
    assert bench.channel.resynchronise(10) is None
    assert bench.channel.command("AT") == []
    assert bench.pdus == 0


def test_a_modem_with_numeric_results_is_found() -> None:
    wire = Wire()
    wire.replace("AT", "0\r")
    wire.replace("AT+CMEE?", "+CMEE: 1\r\n0\r")
    channel = AtChannel(wire, wire.clock)
    assert channel.resynchronise(5) is None


@pytest.mark.parametrize("news", ['\r\n+CMTI: "SM",1\r\n', CDS, "\r\n^RSSI:9\r\n", "\r\n+CREG: 1\r\n", "\r\nRING\r\n"])
def test_news_are_kept_while_resynchronising(news: str) -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on("AT+CSQ", "")
    with pytest.raises(CommandTimeout):
        channel.command("AT+CSQ")
    wire.say(news)
    wire.replace("AT", news + OK)
    channel.resynchronise(10)
    assert len(channel.indications) == 2
