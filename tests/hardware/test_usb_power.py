"""The power of USB ports, on a made-up /sys: the helper that root runs, and the gateway that asks it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.power_switch import CommandSwitch, HelperSwitch, PowerError, UsbPlaces, usb_port_of
from hardware.usb_power import ALLOWED, RefusedError, answer, cycle, disable_file, main, restore, serve, switches

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Ports 1-1.1 to 1-1.4 of a hub at 1-1, and ports 1 and 2 of the root hub."""
    devices = tmp_path / "sys" / "bus" / "usb" / "devices"
    for hub, interface, count in (("1-1", "1-1:1.0", 4), ("usb1", "1-0:1.0", 2)):
        for number in range(1, count + 1):
            port = devices / interface / f"{hub}-port{number}"
            port.mkdir(parents=True)
            (port / "disable").write_text("0\n")
    return tmp_path / "sys"


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    path = tmp_path / "usb-power"
    path.write_text("# sticks\n1-1.4  # sim1\n1-2\n1-1.3\n9-9\n")
    path.chmod(0o644)
    return path


class Watched:
    """Notes what the port's file says while the power is away."""

    def __init__(self, file: Path) -> None:
        self.file, self.seen = file, list[tuple[float, str]]()

    def __call__(self, seconds: float) -> None:
        self.seen.append((seconds, self.file.read_text()))


@pytest.mark.parametrize(("port", "path"), [("1-1.4", "1-1:1.0/1-1-port4"), ("1-2", "1-0:1.0/usb1-port2")])
def test_a_port_is_without_power_for_a_while(sysfs: Path, port: str, path: str) -> None:
    file = sysfs / "bus" / "usb" / "devices" / path / "disable"
    assert disable_file(port, sysfs) == file
    watched = Watched(file)
    cycle(port, sysfs, 5.0, watched)
    assert watched.seen == [(5.0, "1")]
    assert file.read_text() == "0"


def test_a_port_deep_in_the_tree_is_the_one_of_the_hub_before_it(sysfs: Path) -> None:
    assert disable_file("3-1.2.7.4", sysfs).parts[-3:] == ("3-1.2.7:1.0", "3-1.2.7-port4", "disable")


def test_the_power_comes_back_whatever_happens(sysfs: Path) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cycle("1-1.4", sysfs, 5.0, interrupted)
    assert disable_file("1-1.4", sysfs).read_text() == "0"


BAD = [
    "",
    "1",
    "usb1",
    "1-0",
    "0-1",
    "1-1.",
    "1-1..4",
    "../1-1.4",
    "1-1.4/../../x",
    "1-1.4\0",
    "1-1.4 ;x",
    "١-١",
    "1-1:1.0",
]


@pytest.mark.parametrize("port", BAD)
def test_what_is_no_port_is_refused(sysfs: Path, listing: Path, port: str) -> None:
    listing.write_text(f"{port}\n")  # not even where it is listed
    if port.strip() == port:
        with pytest.raises(RefusedError, match="no USB port"):
            disable_file(port, sysfs)
    said = answer(port.encode(), listing, sysfs, 0.0)
    assert said.startswith("error: ")
    assert {file.read_text() for file in sysfs.rglob("disable")} == {"0\n"}


@given(st.text(max_size=40))
def test_no_text_leads_out_of_the_tree_of_usb_devices(text: str) -> None:
    root = Path("/sys-of-a-test")
    try:
        path = disable_file(text, root)
    except RefusedError:
        return
    assert re.fullmatch(r"[\d.:/a-z-]+", str(path)) and ".." not in path.parts
    assert path.parts[:5] == ("/", "sys-of-a-test", "bus", "usb", "devices") and len(path.parts) == 8


@pytest.mark.parametrize("port", ["1-1.1", "1-1", "1-1.40"])
def test_a_port_that_is_not_listed_is_left_alone(sysfs: Path, listing: Path, port: str) -> None:
    said = answer(port.encode(), listing, sysfs, 0.0)
    assert said == f"error: USB port {port} is not in {listing}; root may add it there"
    assert {file.read_text() for file in sysfs.rglob("disable")} == {"0\n"}


def test_a_list_that_others_may_write_to_is_not_used(sysfs: Path, listing: Path) -> None:
    listing.chmod(0o664)
    assert "may be written by others" in answer(b"1-1.4", listing, sysfs, 0.0)
    listing.unlink()
    assert "cannot be read: No such file" in answer(b"1-1.4", listing, sysfs, 0.0)


def test_an_old_kernel_is_named_with_the_other_way(sysfs: Path, listing: Path) -> None:
    disable_file("1-1.3", sysfs).unlink()
    said = answer(b"1-1.3", listing, sysfs, 0.0)
    assert "Linux 6.0" in said and "power_command" in said
    assert answer(b"9-9", listing, sysfs, 0.0).startswith("error: this machine has no USB port 9-9")


def test_a_port_that_cannot_be_written_says_so(sysfs: Path) -> None:
    file = disable_file("1-1.4", sysfs)

    def gone(_: float) -> None:
        file.unlink()
        file.parent.rmdir()  # the hub went with it

    with pytest.raises(RefusedError, match="No such file"):
        cycle("1-1.4", sysfs, 0.0, gone)


# -- both halves of a USB 3 socket ------------------------------------------------------------------------------------


@pytest.fixture
def halves(sysfs: Path) -> tuple[Path, Path]:
    """The USB 2 half (1-1.4) and the USB 3 half (2-1.4) of one socket, each the other's peer."""
    devices = sysfs / "bus" / "usb" / "devices"
    files = []
    for bus, speed in ((1, "480"), (2, "5000")):
        hub, port = devices / f"{bus}-1", devices / f"{bus}-1:1.0" / f"{bus}-1-port4"
        port.mkdir(parents=True, exist_ok=True)
        (port / "disable").write_text("0\n")
        (port / "peer").symlink_to(os.path.relpath(devices / f"{3 - bus}-1:1.0" / f"{3 - bus}-1-port4", port))
        hub.mkdir()
        (hub / "speed").write_text(f"{speed}\n")
        files.append(port / "disable")
    return files[0], files[1]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is written to which port, in order."""
    found: list[tuple[str, str]] = []
    write = Path.write_text

    def noting(path: Path, data: str, encoding: str | None = None) -> int:
        found.append((path.resolve().parent.name, data))
        return write(path, data, encoding)

    monkeypatch.setattr(Path, "write_text", noting)
    return found


@pytest.mark.parametrize("port", ["1-1.4", "2-1.4"])
def test_both_halves_go_and_come_and_usb_3_is_never_alone_without_power(
    sysfs: Path, halves: tuple[Path, Path], written: list[tuple[str, str]], port: str
) -> None:
    def look(_: float) -> None:
        assert [half.read_text() for half in halves] == ["1", "1"]

    cycle(port, sysfs, 5.0, look)
    usb2, usb3 = "1-1-port4", "2-1-port4"
    assert written == [(usb2, "1"), (usb3, "1"), (usb3, "0"), (usb2, "0")]


@pytest.mark.parametrize("refusing", [("1-1-port4", "1"), ("2-1-port4", "1"), ("2-1-port4", "0"), ("1-1-port4", "0")])
def test_where_one_write_fails_whatever_can_get_its_power_back_does(
    sysfs: Path, halves: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, refusing: tuple[str, str]
) -> None:
    write = Path.write_text

    def failing(path: Path, data: str, encoding: str | None = None) -> int:
        if (path.resolve().parent.name, data) == refusing:
            raise OSError(5, "Input/output error", str(path))
        return write(path, data, encoding)

    monkeypatch.setattr(Path, "write_text", failing)
    with pytest.raises(RefusedError, match="Input/output error"):
        cycle("1-1.4", sysfs, 0.0)
    away = {half.parent.name for half in halves if half.read_text() == "1"}
    assert away == ({refusing[0]} if refusing[1] == "0" else set())


def test_a_port_without_another_half_is_switched_alone(sysfs: Path) -> None:
    assert switches("1-1.3", sysfs) == (disable_file("1-1.3", sysfs),)


def as_program(sysfs: Path, listing: Path, *words: str) -> list[str]:
    command = [sys.executable, "-m", "hardware.usb_power", "--allowed", str(listing), "--sysfs", str(sysfs)]
    return [*command, *words]


def test_what_a_killed_process_leaves_without_power_is_given_back(
    sysfs: Path, listing: Path, halves: tuple[Path, Path]
) -> None:
    with subprocess.Popen(as_program(sysfs, listing, "--seconds", "600", "1-1.4"), cwd=ROOT) as process:
        while [half.read_text() for half in halves] != ["1", "1"] and process.poll() is None:
            pass
        assert restore(listing, sysfs) == [], "it is being cycled"
        assert answer(b"1-1.4", listing, sysfs, 0.0) == "error: its power is being cycled already"
        process.kill()
    assert [half.read_text() for half in halves] == ["1", "1"]
    listing.write_text("1-1.4\n1-1.2\n9-9\n")
    done = subprocess.run(as_program(sysfs, listing, "--restore"), cwd=ROOT, check=True, capture_output=True)
    assert done.stderr == b"USB port 1-1.4 has its power back\n"
    assert [half.read_text() for half in halves] == ["0", "0"]


def test_a_port_that_root_has_not_listed_stays_as_it_is(sysfs: Path, listing: Path) -> None:
    file = disable_file("1-1.1", sysfs)
    file.write_text("1\n")
    assert restore(listing, sysfs) == []
    assert file.read_text() == "1\n"
    listing.chmod(0o666)
    with pytest.raises(RefusedError):
        restore(listing, sysfs)


def test_whoever_asks_octet_by_octet_holds_nobody_up(sysfs: Path, listing: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"1")  # and says nothing more, and stays
        assert not serve(theirs, listing, sysfs, 0.0)


def test_the_journal_tells_who_asked_and_for_what(
    sysfs: Path, listing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"1-1.4\n")
        assert serve(theirs, listing, sysfs, 0.0)
    assert capsys.readouterr().err == f"user {os.getuid()}, process {os.getpid()} asked for '1-1.4': ok\n"


Helper = Callable[[], Path]


@pytest.fixture
def helper(tmp_path: Path, sysfs: Path, listing: Path) -> Iterator[Path]:
    """A socket behind which each connection is answered as systemd would have it done."""
    path = tmp_path / "helper.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer_all() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                serve(connection, listing, sysfs, 0.0)

    thread = threading.Thread(target=answer_all, daemon=True)
    thread.start()
    yield path
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_the_gateway_asks_for_its_port(helper: Path, sysfs: Path) -> None:
    HelperSwitch(helper, "sim1", "1-1.4", UsbPlaces()).cycle()
    assert disable_file("1-1.4", sysfs).read_text() == "0"
    assert disable_file("1-1.3", sysfs).read_text() == "0\n"


def test_the_gateway_says_why_it_was_refused(helper: Path) -> None:
    with pytest.raises(PowerError, match=r"^USB port 1-1\.1 is not in .*; root may add it there$"):
        HelperSwitch(helper, "sim1", "1-1.1", UsbPlaces()).cycle()


def test_a_helper_that_does_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(PowerError, match=r"No such file.*simwire-usb-power\.socket"):
        HelperSwitch(tmp_path / "nobody.sock", "sim1", "1-1.4", UsbPlaces()).cycle()


def test_a_helper_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardware.power_switch.TIMEOUT", 0.05)
    path = tmp_path / "mute.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(PowerError, match=r"did not answer within 0\.05 s"):
            HelperSwitch(path, "sim1", "1-1.4", UsbPlaces()).cycle()


@pytest.mark.parametrize("sent", [b"", b"1-1.4", b"x" * 4096, b"\xff\xfe\n", b"\n"])
def test_whatever_is_asked_the_helper_answers_and_ends(sysfs: Path, listing: Path, sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)
        assert not serve(theirs, listing, sysfs, 0.0)
        assert ours.recv(1000).startswith(b"error: ")
    assert {file.read_text() for file in sysfs.rglob("disable")} == {"0\n"}


def test_who_asks_and_says_nothing_is_not_waited_for(
    sysfs: Path, listing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardware.usb_power._TIMEOUT", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not serve(theirs, listing, sysfs, 0.0)


def test_it_runs_as_a_program_on_a_socket_and_gives_power_back_when_it_is_ended(sysfs: Path, listing: Path) -> None:
    command = as_program(sysfs, listing)
    file = disable_file("1-1.4", sysfs)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(30)
        with subprocess.Popen([*command, "--seconds", "0"], stdin=theirs, stdout=theirs, cwd=ROOT) as process:
            ours.sendall(b"1-1.4\n")
            assert ours.recv(1000) == b"ok\n"
            assert process.wait(30) == 0
        with subprocess.Popen([*command, "--seconds", "600"], stdin=theirs, stdout=theirs, cwd=ROOT) as process:
            ours.sendall(b"1-1.4\n")
            while file.read_text() != "1" and process.poll() is None:
                pass
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 1
    assert file.read_text() == "0"


def test_root_may_switch_a_port_by_hand(sysfs: Path, listing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--allowed", str(listing), "--sysfs", str(sysfs), "--seconds", "0"]
    assert main(["1-1.4", *options]) == 0
    assert main(["1-1.1", *options]) == 1
    assert "is not in" in capsys.readouterr().err


# -- a command in place of the helper ---------------------------------------------------------------------------------


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_command_is_run_with_its_words(tmp_path: Path) -> None:
    CommandSwitch([str(script(tmp_path / "hub", f'echo "$1|$2" > {tmp_path}/ran')), "-p 4", "$HOME"]).cycle()
    assert (tmp_path / "ran").read_text() == "-p 4|$HOME\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [("echo no hub >&2; exit 3", r"status 3: no hub"), ("exec sleep 60", r"did not end within 0\.2 s")],
)
def test_a_command_that_fails_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PowerError, match=told):
        CommandSwitch([str(script(tmp_path / "hub", text))], timeout=0.2).cycle()


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PowerError, match="cannot be run: No such file"):
        CommandSwitch([str(tmp_path / "nothing")]).cycle()


# -- which port a stick is plugged into -------------------------------------------------------------------------------


def plug(sysfs: Path, tty: str, place: str) -> None:
    device = sysfs / "devices" / "pci0000:00" / "usb1" / place / tty
    device.mkdir(parents=True)
    entry = sysfs / "class" / "tty" / tty
    entry.mkdir(parents=True)
    (entry / "device").symlink_to(os.path.relpath(device, entry))


def test_the_usb_port_of_a_stick_is_found_while_it_is_there(tmp_path: Path, helper: Path, sysfs: Path) -> None:
    plug(sysfs, "ttyUSB0", "1-1/1-1.4/1-1.4:1.0")
    plug(sysfs, "ttyACM0", "1-2/1-2:1.1")
    plug(sysfs, "ttyS0", "platform/serial8250")
    assert usb_port_of("/dev/ttyUSB0", sysfs) == "1-1.4"
    assert usb_port_of("/dev/ttyACM0", sysfs) == "1-2"
    assert usb_port_of("/dev/ttyS0", sysfs) is None
    assert usb_port_of("socket://host:1", sysfs) is None
    by_id = tmp_path / "usb-HUAWEI-if00-port0"
    by_id.symlink_to("/dev/ttyUSB0")
    switch = HelperSwitch(helper, "sim1", None, UsbPlaces(sysfs))
    assert not switch.usable
    with pytest.raises(PowerError, match="usb_port"):
        switch.cycle()
    switch.seen(str(by_id))
    assert switch.usable
    (sysfs / "class" / "tty" / "ttyUSB0" / "device").unlink()
    switch.seen("/dev/ttyUSB0")  # gone: it is remembered where it was
    switch.cycle()
    assert disable_file("1-1.4", sysfs).read_text() == "0"
    given = HelperSwitch(helper, "sim1", "1-1.3", UsbPlaces(sysfs))
    given.seen("/dev/ttyACM0")
    given.cycle()
    assert disable_file("1-1.3", sysfs).read_text() == "0"
    assert disable_file("1-2", sysfs).read_text() == "0\n"


class Sticks:
    """Sticks of a fleet on a made-up /sys; the power of the ports is switched through the helper."""

    def __init__(self, sysfs: Path, helper: Path) -> None:
        self.sysfs, self.places = sysfs, UsbPlaces(sysfs)
        self._switch = {name: HelperSwitch(helper, name, None, self.places) for name in ("sim1", "sim2")}
        self._devices = sysfs / "bus" / "usb" / "devices"

    def plug(self, tty: str, place: str, serial: str | None, vendor: str = "12d1") -> None:
        hub = place.partition(".")[0]
        plug(self.sysfs, tty, f"{hub}/{place}/{place}:1.0")
        device = self._devices / place
        device.mkdir()
        (device / "idVendor").write_text(f"{vendor}\n")
        if serial is not None:
            (device / "serial").write_text(f"{serial}\n")

    def unplug(self, tty: str, place: str) -> None:
        shutil.rmtree(self.sysfs / "class" / "tty" / tty)
        shutil.rmtree(self.sysfs / "devices" / "pci0000:00" / "usb1" / place.partition(".")[0] / place)
        shutil.rmtree(self._devices / place)

    def opened(self, modem: str, tty: str) -> None:
        self._switch[modem].seen(f"/dev/{tty}")

    def cycle(self, modem: str) -> set[str]:
        """The ports whose power went and came back."""
        files = {path.parent.name[-5:]: path for path in self.sysfs.rglob("disable")}
        for file in files.values():
            file.write_text("0\n")
        self._switch[modem].cycle()
        return {name for name, file in files.items() if file.read_text() == "0"}


@pytest.fixture
def sticks(sysfs: Path, helper: Path, listing: Path) -> Sticks:
    listing.write_text("1-1.1\n1-1.2\n1-1.3\n1-1.4\n")
    return Sticks(sysfs, helper)


def test_a_stick_that_was_moved_takes_the_power_of_no_other_modem(sticks: Sticks) -> None:
    """sim1's stick goes from port 4 to port 3, silent all the time, and sim2's takes its socket."""
    sticks.plug("ttyUSB0", "1-1.4", None)
    sticks.opened("sim1", "ttyUSB0")
    assert sticks.cycle("sim1") == {"port4"}
    sticks.unplug("ttyUSB0", "1-1.4")
    sticks.plug("ttyUSB1", "1-1.3", None)
    sticks.plug("ttyUSB0", "1-1.4", None)
    sticks.opened("sim2", "ttyUSB0")
    with pytest.raises(PowerError, match="not known which USB port"):
        sticks.cycle("sim1")
    assert sticks.cycle("sim2") == {"port4"}
    sticks.opened("sim1", "ttyUSB1")
    assert sticks.cycle("sim1") == {"port3"}


def test_a_moved_stick_with_a_serial_number_is_found_right_before_the_cycle(sticks: Sticks) -> None:
    sticks.plug("ttyUSB0", "1-1.4", "A1")
    sticks.opened("sim1", "ttyUSB0")
    sticks.unplug("ttyUSB0", "1-1.4")
    sticks.plug("ttyUSB0", "1-1.4", "B2")
    with pytest.raises(PowerError, match=r"another device is plugged in at 1-1\.4"):
        sticks.cycle("sim1")
    sticks.plug("ttyUSB1", "1-1.2", "A1")
    assert sticks.cycle("sim1") == {"port2"}


def test_serial_numbers_that_several_have_tell_nothing(sticks: Sticks) -> None:
    same = "0123456789ABCDEF"
    sticks.plug("ttyUSB0", "1-1.4", same)
    sticks.plug("ttyUSB1", "1-1.3", same)
    sticks.opened("sim1", "ttyUSB0")
    assert sticks.cycle("sim1") == {"port4"}
    sticks.plug("ttyUSB2", "1-1.2", same)
    sticks.unplug("ttyUSB0", "1-1.4")
    with pytest.raises(PowerError, match="several devices"):
        sticks.cycle("sim1")


def test_a_stick_of_another_maker_in_its_socket_is_left_alone_and_an_empty_socket_is_not(sticks: Sticks) -> None:
    sticks.plug("ttyUSB0", "1-1.4", None)
    sticks.opened("sim1", "ttyUSB0")
    sticks.unplug("ttyUSB0", "1-1.4")
    assert sticks.cycle("sim1") == {"port4"}, "it hangs so that the kernel does not see it any more"
    sticks.plug("ttyUSB0", "1-1.4", None, vendor="2c7c")
    with pytest.raises(PowerError, match="another device"):
        sticks.cycle("sim1")


@pytest.mark.parametrize("given", ["1-1.4", "1-1"])
def test_a_configured_port_at_which_another_modem_hangs_is_left_alone(
    sticks: Sticks, helper: Path, listing: Path, given: str
) -> None:
    listing.write_text("1-1.4\n1-1\n")
    sticks.plug("ttyUSB0", "1-1.4", None)
    switch = HelperSwitch(helper, "sim1", given, sticks.places)
    sticks.opened("sim2", "ttyUSB0")
    with pytest.raises(PowerError, match=r"modem sim2 is plugged in at 1-1\.4: the power of .* is left alone"):
        switch.cycle()
    sticks.unplug("ttyUSB0", "1-1.4")
    if given == "1-1.4":
        switch.cycle()


# -- the units --------------------------------------------------------------------------------------------------------


def test_the_units_belong_together_and_are_closed() -> None:
    listener = (ROOT / "systemd" / "simwire-usb-power.socket").read_text()
    service = (ROOT / "systemd" / "simwire-usb-power@.service").read_text()
    assert "Accept=yes" in listener and "StandardInput=socket" in service
    assert re.search(r"^SocketMode=0660$", listener, re.MULTILINE)
    assert re.search(r"^ListenStream=(/run/simwire-usb-power\.sock)$", listener, re.MULTILINE)
    assert "/run/simwire-usb-power.sock" in (ROOT / "config.example.toml").read_text()
    (started,) = re.findall(r"^ExecStart=(.+)$", service, re.MULTILINE)
    assert started == "/opt/simwire/bin/simwire-usb-power"
    assert f"ExecStopPost={started} --restore\n" in service, "nothing else gives the power back after a SIGKILL"
    (most,) = re.findall(r"^MaxConnections=(\d+)$", listener, re.MULTILINE)
    assert int(most) >= 32, "a hub that hangs takes all its modems with it"
    assert 'simwire-usb-power = "hardware.usb_power:main"' in (ROOT / "pyproject.toml").read_text()
    for line in ("NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "PrivateNetwork=yes"):
        assert re.search(f"^{line}$", service, re.MULTILINE), line
    assert str(ALLOWED) in (ROOT / "docs" / "recovery.md").read_text()
