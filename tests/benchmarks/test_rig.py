"""Several modems in one simulated time."""

from __future__ import annotations

from pathlib import Path

from benchmarks.rig import Rig
from gateway.messages import Lane


def test_a_code_is_not_kept_by_a_busy_modem_while_another_is_free(tmp_path: Path) -> None:
    """The first modem works from 0 s to 2 s and from 2 s to 4 s, the second from 1 s to 3 s: the fourth goes at 3 s."""
    rig = Rig(tmp_path, 2, (2.0, 2.0))
    begun = rig.clock.boot()
    for seconds in (0.0, 1.0, 1.5, 1.5):
        rig.conductor.at(begun + seconds, lambda: rig.code("+447700900123"))
    rig.play(20.0)
    with rig.store.database.read() as cx:
        rows = cx.execute("SELECT submitted_boot, modem FROM attempts ORDER BY message").fetchall()
    rig.close()
    assert [(round(at / 1000 - begun, 1), modem) for at, modem in rows] == [
        *((0.0, "sim1"), (1.0, "sim2"), (2.0, "sim1"), (3.0, "sim2")),
    ]


def test_a_backlog_keeps_every_modem_busy_and_codes_pass_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, 2, (2.0, 2.0))
    begun = rig.clock.boot()
    for _ in range(20):
        rig.send("bulk", "+447700900123", Lane.BULK)
    rig.conductor.at(begun + 3.0, lambda: rig.code("+447700900124"))
    rig.settle()
    with rig.store.database.read() as cx:
        rows = cx.execute("SELECT lane, submitted_boot, modem FROM attempts ORDER BY submitted_boot").fetchall()
    rig.close()
    bulk = [round(at / 1000 - begun, 1) for lane, at, _ in rows if lane == Lane.BULK]
    assert bulk[-1] - bulk[0] == 20.0
    assert [round(at / 1000 - begun, 1) for lane, at, _ in rows if lane == Lane.OTP] == [4.0]
