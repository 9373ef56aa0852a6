"""What USB devices show in sysfs: modems, their ports, and sticks that are none yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware.usb_devices import UsbMode, console_ports, usb_devices
from tests.hardware.machine import ETHERNET, STORAGE, VENDOR, FakeMachine, Interface


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def test_a_stick_has_its_ports_by_the_number_of_their_interface(machine: FakeMachine) -> None:
    machine.plug(
        "1-1.4",
        "12d1:1506",
        Interface((0xFF, 2, 1), "option", ("ttyUSB2",)),
        Interface((0xFF, 2, 0x16), "huawei_cdc_ncm", network="wwan0"),
        Interface((0xFF, 2, 2), "option", ("ttyUSB0",), label="PC UI"),
        maker="HUAWEI",
        name="HUAWEI Mobile",
    )

    (stick,) = usb_devices(machine.sysfs)
    assert (stick.place, stick.usb_id, stick.maker, stick.mode) == ("1-1.4", "12d1:1506", "HUAWEI", UsbMode.MODEM)
    assert stick.ports == ("ttyUSB2", "ttyUSB0")
    assert [one.driver for one in stick.interfaces] == ["option", "huawei_cdc_ncm", "option"]
    assert stick.interfaces[2].label == "PC UI"
    assert stick.of_a_modem_maker


def test_ports_of_the_communication_class_are_found_too(machine: FakeMachine) -> None:
    machine.plug("1-2", "1e2d:0058", Interface((2, 2, 1), "cdc_acm", ("ttyACM0",)), Interface((10, 0, 0), "cdc_acm"))
    (stick,) = usb_devices(machine.sysfs)
    assert (stick.ports, stick.mode) == (("ttyACM0",), UsbMode.MODEM)


@pytest.mark.parametrize(
    ("usb_id", "interfaces", "mode"),
    [
        ("12d1:1f01", (Interface(STORAGE, "usb-storage"),), UsbMode.STORAGE),
        ("12d1:14fe", (Interface(STORAGE, "usb-storage"), Interface(STORAGE, "usb-storage")), UsbMode.STORAGE),
        ("19d2:2000", (Interface(STORAGE, "usb-storage"),), UsbMode.STORAGE),
        ("12d1:9999", (Interface(STORAGE, "usb-storage"),), UsbMode.STORAGE),  # not listed, and the maker's
        ("12d1:14dc", (Interface(ETHERNET, "cdc_ether", network="eth1"),), UsbMode.NETWORK_CARD),
        ("19d2:9998", (Interface(ETHERNET, "cdc_ether", network="usb0"),), UsbMode.NETWORK_CARD),
        ("1e0e:9001", (Interface(VENDOR), Interface(VENDOR)), UsbMode.NO_DRIVER),
        ("0781:5567", (Interface(STORAGE, "usb-storage"),), UsbMode.OTHER),
        ("05c6:f00e", (Interface(VENDOR),), UsbMode.OTHER),  # a vendor that modems share with telephones
    ],
)
def test_what_a_device_without_ports_is(
    machine: FakeMachine, usb_id: str, interfaces: tuple[Interface, ...], mode: UsbMode
) -> None:
    machine.plug("2-1", usb_id, *interfaces)
    (stick,) = usb_devices(machine.sysfs)
    assert stick.mode is mode


def test_what_vanishes_while_it_is_read_is_left_out(machine: FakeMachine, tmp_path: Path) -> None:
    machine.plug("1-1", "12d1:1001", Interface(VENDOR, "option", ("ttyUSB0",)))
    (machine.sysfs / "bus" / "usb" / "devices" / "1-3").symlink_to(tmp_path / "gone")
    (machine.sysfs / "bus" / "usb" / "devices" / "usb1").mkdir()
    assert [one.place for one in usb_devices(machine.sysfs)] == ["1-1"]
    assert usb_devices(tmp_path / "nothing") == []


def test_the_ports_of_the_kernel_console_are_known(machine: FakeMachine) -> None:
    assert console_ports(machine.sysfs) == frozenset()
    folder = machine.sysfs / "class" / "tty" / "console"
    folder.mkdir(parents=True)
    (folder / "active").write_text("tty0 ttyAMA0\n", encoding="ascii")
    assert console_ports(machine.sysfs) == {"tty0", "ttyAMA0"}
