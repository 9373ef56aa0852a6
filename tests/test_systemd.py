"""The files for systemd and udev: read by their own tools where those are there, and held to what the program says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.cli.serve import GRACE, Damaged, Unusable
from gateway.diagnosis.machine import OWN_RULES
from gateway.service import WEBHOOK_GRACE
from gateway.watchdog import LOOK_EVERY
from hardware.profiles import PROFILES, UsbPort

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "systemd"
UNIT = FOLDER / "simwire.service"
RULES = FOLDER / "70-simwire.rules"
ANALYZE = shutil.which("systemd-analyze")
analyzed = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not there")


def setting(name: str, unit: Path = UNIT) -> str:
    """The one value of a setting."""
    (value,) = re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return str(value)


def analyze(*words: str) -> str:
    assert ANALYZE is not None
    done = subprocess.run([ANALYZE, *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


# -- units ----------------------------------------------------------------------------------------------------------


@analyzed
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    """All but that its programs are installed here."""
    said = analyze("verify", *(str(path) for path in sorted(FOLDER.glob("*.s[eo]*[et]"))))
    assert [line for line in said.splitlines() if "is not executable" not in line and "simwire" in line] == []


@analyzed
@pytest.mark.parametrize(("unit", "most"), [("simwire.service", 2.0), ("simwire-usb-power@.service", 2.0)])
def test_services_are_shut_in(unit: str, most: float) -> None:
    said = analyze("security", "--offline=true", "--no-pager", str(FOLDER / unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= most


def test_exit_statuses_that_prevent_a_restart_are_the_programs() -> None:
    """2 is click's for wrong usage."""
    assert {int(status) for status in setting("RestartPreventExitStatus").split()} == {
        2,
        Unusable.exit_code,
        Damaged.exit_code,
    }


def test_a_start_that_may_succeed_later_is_never_given_up() -> None:
    assert (setting("Restart"), setting("StartLimitIntervalSec")) == ("always", "0")


def test_times_of_the_unit_fit_those_of_the_program() -> None:
    assert int(setting("WatchdogSec")) / 4 <= LOOK_EVERY
    assert int(setting("WatchdogSec")) > 2 * LOOK_EVERY
    assert int(setting("TimeoutStopSec")) > GRACE + WEBHOOK_GRACE


# -- udev -----------------------------------------------------------------------------------------------------------


def _ports() -> list[UsbPort]:
    return sorted(
        {port for profile in PROFILES for port in profile.ports}, key=lambda one: (one.vendor, one.product or 0)
    )


def _of_vendor() -> dict[int, list[UsbPort]]:
    found: dict[int, list[UsbPort]] = {}
    for port in _ports():
        found.setdefault(port.vendor, []).append(port)
    return found


def _id(vendor: int, products: str) -> str:
    return f'ENV{{ID_VENDOR_ID}}=="{vendor:04x}"{products}'


def known_sticks() -> list[str]:
    """A rule for each vendor whose modems the program knows."""
    rules = []
    for vendor, ports in _of_vendor().items():
        only = "|".join(f"{port.product:04x}" for port in ports if port.product is not None)
        products = "" if any(port.product is None for port in ports) else f', ENV{{ID_MODEL_ID}}=="{only}"'
        rules.append(f'{_id(vendor, products)}, ENV{{.SIMWIRE}}="1"')
    return rules


def at_ports() -> list[str]:
    """A rule for each stick of which it is known which interface takes AT."""
    rules = []
    for vendor, ports in _of_vendor().items():
        named = [port for port in ports if port.product is not None]
        by_interface: dict[int, list[str]] = {}
        for port in named:
            if port.interfaces:
                by_interface.setdefault(port.interfaces[0], []).append(f"{port.product:04x}")
        for interface, products in by_interface.items():
            rule = _id(vendor, f', ENV{{ID_MODEL_ID}}=="{"|".join(products)}"')
            rules.append(f'{rule}, ENV{{ID_USB_INTERFACE_NUM}}=="{interface:02x}", ENV{{.SIMWIRE_AT}}="1"')
        for port in ports:
            if port.product is None and port.interfaces:
                others = "|".join(f"{one.product:04x}" for one in named)
                rule = _id(vendor, f', ENV{{ID_MODEL_ID}}!="{others}"' if others else "")
                interface = port.interfaces[0]
                rules.append(f'{rule}, ENV{{ID_USB_INTERFACE_NUM}}=="{interface:02x}", ENV{{.SIMWIRE_AT}}="1"')
    return rules


def test_lines_of_ones_own_go_where_they_neither_hide_the_rules_nor_come_after_them() -> None:
    """A file of the same name in /etc would take the place of the package's, and pip's is written anew."""
    own = Path(OWN_RULES)
    assert own.parent == Path("/etc/udev/rules.d")
    assert own.name < RULES.name
    assert own.name in RULES.read_text(encoding="utf-8")
    assert own.name in (ROOT / "docs" / "install.md").read_text(encoding="utf-8")


def test_the_rules_know_the_sticks_that_the_program_knows() -> None:
    lines = RULES.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.endswith('ENV{.SIMWIRE}="1"')] == known_sticks()
    assert [line for line in lines if line.endswith('ENV{.SIMWIRE_AT}="1"')] == at_ports()


STICK = """
P: /devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
E: DEVNAME=/dev/bus/usb/001/005
A: idVendor=2c7c
A: idProduct=0125
A: serial=8d9a42c1
A: manufacturer=Quectel
A: product=EC25-E
A: power/control=auto
A: bDeviceClass=ef

P: /devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.2
E: SUBSYSTEM=usb
E: DEVTYPE=usb_interface
A: bInterfaceNumber=02
A: bInterfaceClass=ff
A: bInterfaceSubClass=00

P: /devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.2/ttyUSB2
E: SUBSYSTEM=usb-serial
A: port_number=0

P: /devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.2/ttyUSB2/tty/ttyUSB2
N: ttyUSB2
E: SUBSYSTEM=tty
E: DEVNAME=/dev/ttyUSB2
E: MAJOR=188
E: MINOR=2
A: dev=188:2
"""
"""What sysfs shows of an EC25, as umockdev(1) takes it."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hide the rules of this machine behind those of the tree")
@pytest.mark.skipif(not all(map(shutil.which, ("umockdev-run", "udevadm", "unshare"))), reason="umockdev is not there")
@pytest.mark.parametrize("set_up", [True, False], ids=["set up", "not set up"])
def test_udev_gives_a_stick_its_names_and_keeps_others_off_where_the_gateway_is_set_up(
    tmp_path: Path, set_up: bool
) -> None:
    (tmp_path / "stick").write_text(STICK.lstrip(), encoding="ascii")
    place = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4"
    # An /etc of its own, with these rules, for what runs here alone.
    script = f"""
    cd {tmp_path} && mkdir -p over && mount -t tmpfs tmpfs over && mkdir over/up over/work &&
    mount -t overlay overlay -o lowerdir=/etc,upperdir=over/up,workdir=over/work /etc &&
    mkdir -p /etc/udev/rules.d /etc/simwire && cp {RULES} /etc/udev/rules.d/ && rm -f /etc/simwire/config.toml &&
    {"touch /etc/simwire/config.toml" if set_up else ":"} &&
    exec umockdev-run -d stick -- sh -c \\
        'udevadm test {place}/1-1.4:1.2/ttyUSB2/tty/ttyUSB2; udevadm test {place}'"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    (links,) = re.findall(r"^DEVLINKS=(.*)$", done.stdout, re.MULTILINE) or [done.stderr]
    names = {"1-1.4", "1-1.4-if02", "serial-8d9a42c1", "serial-8d9a42c1-if02"}
    assert {link for link in links.split() if "simwire" in link} == {f"/dev/simwire/{name}" for name in names}
    assert done.stdout.count("ID_MM_DEVICE_IGNORE=1") == (2 if set_up else 0)
    assert ("power/control' writing 'on'" in done.stderr) == set_up
    assert not re.search(r"70-simwire.rules:\d+ (?:Invalid|Unknown|Failed)", done.stderr)
