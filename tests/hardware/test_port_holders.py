"""Who has a port open, read from procfs: of a made-up machine, and of this one with a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hardware.port_holders import holders, process, running
from tests.hardware.machine import FakeMachine


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def test_the_holder_is_named_with_its_unit(machine: FakeMachine) -> None:
    port, other = machine.dev / "ttyUSB2", machine.dev / "ttyUSB1"
    port.touch()
    machine.run(612, "ModemManager", cgroup="/system.slice/ModemManager.service", holds=("/dev/null", str(port)))
    machine.run(700, "sh", holds=(str(other), "socket:[4711]"))

    (holder,) = holders(str(port), machine.proc).processes
    assert (holder.pid, holder.name, holder.unit, holder.gateway) == (
        612,
        "ModemManager",
        "ModemManager.service",
        False,
    )
    assert holder.called == "ModemManager (process 612, ModemManager.service)"


@pytest.mark.parametrize(
    ("cgroup", "unit", "of_user"),
    [
        (r"/system.slice/system-serial\x2dgetty.slice/serial-getty@ttyS0.service", "serial-getty@ttyS0.service", False),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/minicom.service", "minicom.service", True),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-xterm.scope", None, False),
        ("/user.slice/user-0.slice/session-3.scope", None, False),
        ("/", None, False),
    ],
)
def test_the_unit_is_the_innermost_service(machine: FakeMachine, cgroup: str, unit: str | None, of_user: bool) -> None:
    machine.run(5, "any", cgroup=cgroup)
    found = process(5, machine.proc)
    assert (found.unit, found.of_user) == (unit, of_user)


@pytest.mark.parametrize(
    ("command", "gateway", "config"),
    [
        (
            ("/opt/simwire/bin/python", "/opt/simwire/bin/simwire", "serve", "--config", "/etc/s.toml"),
            True,
            "/etc/s.toml",
        ),
        (("python3", "-m", "gateway.cli", "serve", "--config=c.toml"), True, "/srv/simwire/c.toml"),
        (("simwire", "serve"), True, None),
        (("simwire", "simulate", "--config", "serve.toml"), False, None),
        (("vi", "simwire.toml"), False, None),
    ],
)
def test_a_gateway_is_told_from_other_programs(
    machine: FakeMachine, command: tuple[str, ...], gateway: bool, config: str | None
) -> None:
    machine.run(9, "python", command=command)
    found = process(9, machine.proc)
    assert (found.gateway, found.config) == (gateway, None if config is None else Path(config))


def test_processes_that_may_not_be_looked_into_are_counted(machine: FakeMachine) -> None:
    machine.run(1, "init")
    folder = machine.proc / "2"
    folder.mkdir()
    (folder / "fd").write_text("", encoding="ascii")  # no folder: as little to be listed as one that is forbidden
    port = machine.dev / "ttyUSB2"
    port.touch()
    found = holders(str(port), machine.proc)
    assert (found.processes, found.unseen) == ((), 1)


def test_a_device_that_is_gone_is_held_by_nobody(machine: FakeMachine) -> None:
    gone = str(machine.dev / "ttyUSB2")
    machine.run(612, "ModemManager", holds=(gone,))
    assert holders(gone, machine.proc).processes == ()


def test_programs_are_found_by_name_whether_they_hold_anything_or_not(machine: FakeMachine) -> None:
    machine.run(20, "brltty", cgroup="/system.slice/brltty.service")
    machine.run(21, "brltty-clip")
    assert [one.pid for one in running(frozenset({"brltty"}), machine.proc)] == [20]


def test_a_real_process_that_holds_a_pseudo_terminal_is_found_under_every_name(tmp_path: Path) -> None:
    master, slave = os.openpty()
    device, link = os.ttyname(slave), tmp_path / "by-id"
    link.symlink_to(device)
    script = (
        "import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            for name in (device, str(link)):
                assert [one.pid for one in holders(name).processes] == [holder.pid]  # and not this process
        finally:
            assert holder.stdin is not None
            holder.stdin.close()
            os.close(master)
            os.close(slave)
    assert holders(device).processes == ()
