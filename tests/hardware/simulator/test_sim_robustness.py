"""Whatever a terminal writes, the modem answers or waits; it never breaks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.simulator import PERSONALITIES, SimCard
from hardware.simulator.commands import HANDLERS
from tests.hardware.simulator.terminal import terminal, tpdu

NAMES = sorted({*HANDLERS, "^CPIN", "^SPIC", "#PCT", "+QPINC", "^USSDMODE", "+CCID", "+NONSENSE"} - {"S3", "S4", "S5"})
VALUES = st.one_of(
    st.integers(-1, 300).map(str),
    st.sampled_from(
        ['"SM"', '"ME"', '"MT"', '"SC"', '"+447700900101"', '"xyz"', '"ALL"', '"UCS2"', '"1234"', '"*100#"', "", '"']
    ),
    st.text(alphabet='0123456789ABCDEF,;=?"+ xyz', max_size=12),
)
COMMANDS = st.builds(
    lambda name, form, values: f"AT{name}{form}{','.join(values) if form == '=' else ''}\r",
    st.sampled_from([name for name in NAMES if name not in ("V", "Q")]),
    st.sampled_from(["", "?", "=?", "=", "="]),
    st.lists(VALUES, max_size=5),
)
BODIES = st.one_of(
    st.just(f"00{tpdu().hex()}\x1a"),
    st.text(alphabet="0123456789ABCDEFghij \r\n\x08", max_size=40).map(lambda text: text + "\x1a"),
    st.just("\x1b"),
    st.binary(max_size=20).map(lambda octets: octets.decode("latin-1")),
)


@settings(max_examples=150)
@given(
    personality=st.sampled_from(sorted(PERSONALITIES)),
    text_mode=st.booleans(),
    written=st.lists(st.one_of(COMMANDS, COMMANDS, BODIES), max_size=12),
)
def test_a_modem_survives_any_dialogue(personality: str, text_mode: bool, written: list[str]) -> None:
    line = terminal(PERSONALITIES[personality], sim=SimCard(ussd={"*100#": "Balance"}))
    line.ask(f"AT+CMGF={int(text_mode)};+CNMI=2,1,0,0,1")
    line.phone().send("already here", SimCard().number)
    for one in written:
        if line.modem.present:
            line.modem.feed(one.encode("latin-1"))
            line.clock.advance(3)
            line.network.run_due()
    line.clock.advance(60)
    line.network.run_due()
    line.reopen()
    line.modem.feed(b"\x1b\r")
    line.clock.advance(30)
    line.network.run_due()
    line.read(0)
    assert "OK" in line.lines(line.raw(b"ATV1Q0\r", 0.1))
