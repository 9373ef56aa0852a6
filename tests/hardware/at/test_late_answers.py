"""Answers of submits that were given up, at every moment at which they can come: none is taken for another's."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.at.channel import AtChannel, LateResult
from hardware.errors import CommandRejected, CommandTimeout, SubmitUncertain
from tests.hardware.at.bench import QuietHooks, hear_out
from tests.hardware.wire import OK, Reply, Wire

CHUNKS = pytest.mark.parametrize("chunk", [1, 3, 4096])
PDU = "0001000C91447700091032000004D4F29C0E"
LENGTH = len(PDU) // 2 - 1
COMMAND = f"AT+CMGS={LENGTH}"
NEWS = '\r\n+CMTI: "SM",1\r\n'
BUSY = "\r\n+CMS ERROR: 42\r\n"


def accepted(reference: int) -> str:
    return f"\r\n+CMGS: {reference}\r\n{OK}"


class Talk:
    """A channel that has sent `shown` messages and lost the next answer, on a modem that answers AT all along."""

    def __init__(self, chunk: int = 4096, shown: int = 3, *, echo: bool = False) -> None:
        self.wire = Wire(chunk=chunk, echo=echo)
        self.channel = AtChannel(self.wire, self.wire.clock)
        self.wire.on(COMMAND, "\r\n> ")
        for reference in range(shown):
            assert self.submit(accepted(reference)) == reference
        with pytest.raises(SubmitUncertain, match="no result"):
            self.submit("")
        assert self.channel.resynchronise(30) is None
        self.lost, self.next = shown, shown + 1

    def submit(self, *said: object) -> int:
        self.wire.replace("pdu", *said)  # type: ignore[arg-type]
        return self.channel.submit(LENGTH, PDU, QuietHooks())

    @property
    def told(self) -> list[str]:
        """Late answers that the owner hears of."""
        return [news.line for news in self.channel.indications if news.prefix == "+CMGS"]


@CHUNKS
def test_while_nothing_is_asked(chunk: int) -> None:
    talk = Talk(chunk)
    talk.wire.say(NEWS + accepted(talk.lost) + NEWS)
    hear_out(talk.channel, talk.wire)
    assert talk.told == [f"+CMGS: {talk.lost}"]
    assert talk.submit(accepted(talk.next)) == talk.next


@CHUNKS
def test_inside_the_answer_of_a_command(chunk: int) -> None:
    talk = Talk(chunk)
    talk.wire.on("AT+CSQ", accepted(talk.lost) + NEWS + "\r\n+CSQ: 1,99\r\n" + OK)
    assert talk.channel.command("AT+CSQ") == ["+CSQ: 1,99"]
    assert talk.told == [f"+CMGS: {talk.lost}"]


@CHUNKS
def test_an_error_inside_the_answer_of_a_command_shifts_no_other_answer(chunk: int) -> None:
    """The command counts as refused; its own answer, which comes next, is nobody's."""
    talk = Talk(chunk)
    talk.wire.on("AT+CSQ", BUSY, (0.05, "\r\n+CSQ: 1,99\r\n" + OK))
    talk.wire.on("AT+CMGD=1", (0.1, "\r\n+CMS ERROR: 321\r\n"))
    with pytest.raises(CommandRejected, match="42"):
        talk.channel.command("AT+CSQ")
    with pytest.raises(CommandRejected, match="321"):
        talk.channel.command("AT+CMGD=1")


@CHUNKS
@pytest.mark.parametrize("shown", [0, 3])
def test_before_the_prompt_of_the_next_submit(chunk: int, shown: int) -> None:
    talk = Talk(chunk, shown)
    talk.wire.replace(COMMAND, NEWS + accepted(talk.lost) + NEWS, (0.5, "\r\n> "))
    assert talk.submit((2, accepted(talk.next))) == talk.next
    assert talk.told == [f"+CMGS: {talk.lost}"]


@CHUNKS
@pytest.mark.parametrize("shown", [0, 3])
@pytest.mark.parametrize("cut", [1, 4, 9, 14, None])
def test_between_the_prompt_and_the_pdu(chunk: int, shown: int, cut: int | None) -> None:
    """Also where only the beginning of the line was there with the prompt."""
    talk = Talk(chunk, shown)
    late = f"\r\n+CMGS: {talk.lost}\r\n{OK}"
    before, after = (late[: 2 + cut], late[2 + cut :]) if cut else (late, "")
    talk.wire.replace(COMMAND, "\r\n> " + before, (0.05, after))
    assert talk.submit((2, accepted(talk.next))) == talk.next
    assert talk.told == [f"+CMGS: {talk.lost}"]


@CHUNKS
def test_what_was_said_before_a_pdu_is_not_its_answer_for_a_new_channel_either(chunk: int) -> None:
    """As after a restart of the gateway, which knows of nothing that is missing."""
    wire = Wire(chunk=chunk)
    channel = AtChannel(wire, wire.clock)
    wire.on(COMMAND, "\r\n> " + accepted(4))
    wire.on("pdu", (2, accepted(5)))
    assert channel.submit(LENGTH, PDU, QuietHooks()) == 5
    assert [news.line for news in channel.indications] == ["+CMGS: 4"]


@CHUNKS
@pytest.mark.parametrize("shown", [0, 1, 3])
def test_after_the_next_pdu_two_answers_are_in_order(chunk: int, shown: int) -> None:
    talk = Talk(chunk, shown)
    assert talk.submit(NEWS + accepted(talk.lost) + NEWS, (6, accepted(talk.next))) == talk.next
    assert talk.told == [f"+CMGS: {talk.lost}"]
    assert not talk.channel.dirty


@CHUNKS
def test_after_the_next_pdu_the_next_ones_refusal_is_its_own(chunk: int) -> None:
    talk = Talk(chunk)
    with pytest.raises(CommandRejected, match="42"):
        talk.submit(accepted(talk.lost), (6, BUSY))
    assert talk.told == [f"+CMGS: {talk.lost}"]


def test_after_the_next_pdu_a_late_refusal_is_not_the_next_ones() -> None:
    talk = Talk()
    assert talk.submit(BUSY, (6, accepted(7))) == 7
    assert talk.told == []


@pytest.mark.parametrize("said", [accepted(3), BUSY], ids=["reference", "error"])
def test_where_one_answer_of_two_came_nobody_guesses(said: str) -> None:
    talk = Talk()  # reference 3 would be that of the lost one, had the modem counted it
    begun = talk.wire.clock.boot()
    with pytest.raises(SubmitUncertain, match="the message before"):
        talk.submit(said)
    assert talk.wire.clock.boot() - begun < 25, "it does not stand still for that"
    assert talk.channel.resynchronise(30) is None
    assert talk.told == []
    assert talk.submit(accepted(4)) == 4, "and it ends there"


def test_the_missing_answer_may_come_while_it_resynchronises() -> None:
    talk = Talk()
    with pytest.raises(SubmitUncertain):
        talk.submit(accepted(talk.lost))
    talk.wire.replace("AT", accepted(talk.next) + OK)
    assert talk.channel.resynchronise(30) == LateResult(talk.next, None)
    assert talk.told == [f"+CMGS: {talk.lost}"]


def test_a_modem_that_counts_names_the_next_ones_answer_by_its_reference() -> None:
    talk = Talk()
    begun = talk.wire.clock.boot()
    assert talk.submit((3, accepted(talk.next))) == talk.next
    assert talk.wire.clock.boot() - begun < 4, "no wait"
    # The lost one is answered in the middle of the submit after that.
    assert talk.submit(accepted(talk.lost), (3, accepted(talk.next + 1))) == talk.next + 1
    assert talk.told == [f"+CMGS: {talk.lost}"]


def test_references_wrap() -> None:
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on(COMMAND, "\r\n> ")
    for reference in (253, 254):
        wire.replace("pdu", accepted(reference))
        assert channel.submit(LENGTH, PDU, QuietHooks()) == reference
    wire.replace("pdu", "")
    with pytest.raises(SubmitUncertain):
        channel.submit(LENGTH, PDU, QuietHooks())
    channel.resynchronise(30)
    wire.replace("pdu", accepted(0))
    assert channel.submit(LENGTH, PDU, QuietHooks()) == 0


def test_the_doubt_ends_with_time_and_with_a_restart() -> None:
    talk = Talk()
    talk.wire.clock.advance(121)
    assert talk.submit(accepted(talk.lost)) == talk.lost
    with pytest.raises(SubmitUncertain, match="restarted"):
        talk.submit("\r\nRDY\r\n")
    assert talk.channel.resynchronise(30) is None
    assert talk.submit(accepted(0)) == 0


@CHUNKS
@pytest.mark.parametrize("shown", [0, 3])
def test_the_doubt_ends_with_a_restart_that_comes_later(chunk: int, shown: int) -> None:
    """The modem counts from anew, and has nothing more to say about what was before."""
    talk = Talk(chunk, shown)
    talk.wire.say("\r\nRDY\r\n")
    hear_out(talk.channel, talk.wire)
    begun = talk.wire.clock.boot()
    assert talk.submit(accepted(0)) == 0
    assert talk.wire.clock.boot() - begun < 1


LATE_ERRORS = pytest.mark.parametrize("late", [BUSY, "\r\n+CME ERROR: 100\r\n"], ids=["cms", "cme"])


@CHUNKS
@LATE_ERRORS
@pytest.mark.parametrize("shown", [0, 3])
def test_an_error_before_the_prompt_is_not_the_next_ones(chunk: int, late: str, shown: int) -> None:
    """The prompt that follows proves it, and with it the doubt ends: the next answer is waited behind by nobody."""
    talk = Talk(chunk, shown)
    talk.wire.replace(COMMAND, NEWS + late + NEWS, (0.5, "\r\n> "))
    begun = talk.wire.clock.boot()
    assert talk.submit((2, accepted(9))) == 9
    assert talk.wire.clock.boot() - begun < 4
    assert talk.told == []


@CHUNKS
@LATE_ERRORS
@pytest.mark.parametrize("cut", [1, 9, None])
def test_an_error_between_the_prompt_and_the_pdu_is_not_the_next_ones(chunk: int, late: str, cut: int | None) -> None:
    talk = Talk(chunk, shown=0)
    before, after = (late[: 2 + cut], late[2 + cut :]) if cut else (late, "")
    talk.wire.replace(COMMAND, "\r\n> " + before, (0.05, after))
    begun = talk.wire.clock.boot()
    assert talk.submit((2, accepted(9))) == 9
    assert talk.wire.clock.boot() - begun < 4


@CHUNKS
def test_an_error_while_nothing_is_asked_ends_the_doubt(chunk: int) -> None:
    talk = Talk(chunk, shown=0)
    talk.wire.say(NEWS + BUSY)
    hear_out(talk.channel, talk.wire)
    assert talk.submit(accepted(9)) == 9


@CHUNKS
def test_an_error_in_place_of_the_prompt_has_the_submit_begun_again(chunk: int) -> None:
    """Nothing shows whose it is: it is no refusal of the next message, and the doubt stays."""
    talk = Talk(chunk)
    talk.wire.replace(COMMAND, BUSY)
    talk.wire.on(COMMAND, "\r\n> ")
    talk.wire.on("AT+CMGF=0", OK)
    heard = len(talk.wire.heard)
    assert talk.submit(accepted(talk.lost), (6, accepted(talk.next))) == talk.next
    assert talk.told == [f"+CMGS: {talk.lost}"]
    begun_again = talk.wire.heard[heard:]
    assert [said for said in begun_again if said in (COMMAND, "ESC", "AT+CMGF=0") or said.startswith("pdu")] == [
        COMMAND, "ESC", "ESC", "AT+CMGF=0", COMMAND, f"pdu:{PDU}",
    ]  # fmt: skip


def test_a_second_error_in_place_of_the_prompt_is_a_refusal() -> None:
    """One answer was missing, and two came. A prompt that is still to come would take the next command for text."""
    talk = Talk()
    talk.wire.replace(COMMAND, BUSY)
    talk.wire.on("AT+CMGF=0", OK)
    with pytest.raises(CommandRejected, match="42"):
        talk.submit("")
    assert talk.wire.heard.count(COMMAND) == 3 + 1 + 2
    heard = len(talk.wire.heard)
    assert talk.channel.command("AT") == []
    assert talk.wire.heard[heard] == "ESC"


def test_an_error_in_place_of_the_prompt_is_a_refusal_once_the_doubt_is_over() -> None:
    talk = Talk()
    talk.wire.clock.advance(121)
    talk.wire.replace(COMMAND, BUSY)
    begun = talk.wire.clock.boot()
    with pytest.raises(CommandRejected, match="42"):
        talk.submit("")
    assert talk.wire.clock.boot() - begun < 1


def test_a_reference_said_twice_is_one_answer() -> None:
    talk = Talk(shown=0)
    with pytest.raises(SubmitUncertain, match="the message before"):
        talk.submit(f"\r\n+CMGS: 0\r\n{OK}\r\n+CMGS: 0\r\n{OK}")
    wire = Wire()
    channel = AtChannel(wire, wire.clock)
    wire.on(COMMAND, "\r\n> ")
    wire.on("pdu", f"\r\n+CMGS: 9\r\n\r\n+CMGS: 9\r\n{OK}")
    assert channel.submit(LENGTH, PDU, QuietHooks()) == 9


FATES = st.sampled_from(["accepted", "refused", "late", "late refused", "lost"])
SEQUENCES = st.lists(st.tuples(FATES, st.booleans()), min_size=1, max_size=7)


@settings(max_examples=200, deadline=None)
@given(SEQUENCES, st.sampled_from([1, 2, 4096]), st.integers(0, 255), st.booleans(), st.booleans())
def test_no_answer_is_ever_given_to_another_submit(
    fates: list[tuple[str, bool]], chunk: int, first: int, counted: bool, echo: bool
) -> None:
    """A modem that answers AT all along, sends one message after the other, and may answer late or never.

    What is late comes before the prompt of the next submit, or after its PDU. Not late twice in a row: that much is
    not told apart, see `Answers.given_up`.
    """
    wire = Wire(chunk=chunk, echo=echo)
    channel = AtChannel(wire, wire.clock)
    references = itertools.count(first)
    owed: list[str] = []  # answers that come with the next submit
    taken: list[int] = []  # references of late ones, in order
    for drawn, early in fates:
        fate = "accepted" if drawn.startswith("late") and owed else drawn
        news = "\r\n^RSSI:9\r\n"
        own = None
        if fate in ("accepted", "late", "lost") or counted:
            own = next(references) & 0xFF
        answer = "" if fate == "lost" else BUSY if fate.endswith("refused") else accepted(own or 0)
        wire.replace(COMMAND, "".join(text + news for text in owed if early) + "\r\n> ")
        replies: list[Reply] = [(1.0, text + news) for text in owed if not early]
        if fate.startswith("late"):
            owed.append(answer)
            taken += [own] if fate == "late" and own is not None else []
        else:
            if answer:
                replies += [(2.0, answer)]
            owed = []
        wire.replace("pdu", *(replies or [""]))
        try:
            assert channel.submit(LENGTH, PDU, QuietHooks()) == own
            assert fate == "accepted"
        except SubmitUncertain:
            late = channel.resynchronise(30)
            assert late is None or late.reference == own
        except CommandTimeout:
            raise AssertionError("the modem answers") from None
        except CommandRejected:
            assert fate == "refused"
    told = [int(news.line.partition(":")[2]) for news in channel.indications if news.prefix == "+CMGS"]
    assert [reference for reference in told if reference in taken] == told
