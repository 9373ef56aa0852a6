"""The way to a modem: USB devices that are no modems yet, who holds a port, who may open it, which port takes AT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.diagnosis.findings import Check, Verdict
from hardware.port_holders import Holders, Process
from hardware.usb_devices import UsbDevice, UsbMode

MODEM_MANAGER, BRLTTY = "ModemManager", "brltty"
_DIAL_UP = frozenset({"wvdial", "pppd", "chat"})
_ADAPTERS = frozenset({(0x10C4, 0xEA60), (0x1A86, 0x7523), (0x0403, 0x6001)})
"""CP2102, CH340 and FT232: modules sit behind them, and brltty takes them for Braille displays."""
OWN_RULES = "/etc/udev/rules.d/69-local.rules"
"""Where lines of one's own go, as docs/install.md says: before 70-simwire.rules, which an upgrade writes anew."""


@dataclass(frozen=True, slots=True)
class Stick:
    """Serial ports that belong together: those of one USB device, or one that stands alone."""

    subject: str
    ports: tuple[str, ...]
    """Paths, the likeliest first."""
    usb: UsbDevice | None = None
    named: bool = False
    """Whether its first port is the one that a person or a configuration names."""


@dataclass(frozen=True, slots=True)
class PortSight:
    """One port as it was found, without opening it."""

    path: str
    present: bool
    allowed: bool
    """Whether this user may read and write it."""
    group: str | None
    """The group that may; None where only root may."""
    user: str
    holders: Holders
    suspects: tuple[Process, ...] = ()
    """Programs that are known to take ports and run, looked up where somebody holds it and cannot be named."""
    console: bool = False
    """Whether the kernel writes its messages there."""
    held: bool = False
    """Opening it was tried, and somebody holds it."""
    trouble: str | None = None
    """Why it could not be opened, where that is something else."""


def unexpected_devices(devices: Iterable[UsbDevice], suspects: Sequence[Process]) -> list[Check]:
    """USB devices that should be modems and have no ports."""
    found = (_unexpected(device, suspects) for device in devices)
    return [check for check in found if check is not None]


def _unexpected(device: UsbDevice, suspects: Sequence[Process]) -> Check | None:
    what, facts = f"{_named(device)} at USB port {device.place}", {"usb_id": device.usb_id, "mode": device.mode.value}
    mode = device.mode
    if mode is UsbMode.STORAGE:
        to = device.switched_to
        after = f"it then becomes {to}" if to else "it may then become a modem"
        return Check(
            "usb_mode", device.place, Verdict.FAIL,
            f"{what} shows itself as a CD-ROM or storage and has no serial port: it is not switched over; {after}",
            "apt install usb-modeswitch usb-modeswitch-data, then unplug the stick and plug it in again; where that "
            f"does not help, as root: {_switch(device)}",
            facts,
        )  # fmt: skip
    if mode is UsbMode.NETWORK_CARD:
        return Check(
            "usb_mode", device.place, Verdict.FAIL,
            f"{what} is a network card with web pages (HiLink or alike) and takes no AT commands",
            "this gateway cannot use it as it is: take another stick, or put firmware with serial ports on it",
            facts,
        )  # fmt: skip
    if mode is UsbMode.NO_DRIVER:
        ids = f"{device.vendor:04x} {device.product:04x}"
        return Check(
            "usb_driver", device.place, Verdict.FAIL,
            f"{what} has interfaces that may be serial ports, and no driver of the kernel has taken them",
            f"as root: modprobe option && echo {ids} > /sys/bus/usb-serial/drivers/option1/new_id",
            facts,
        )  # fmt: skip
    adapter = (device.vendor, device.product) in _ADAPTERS and not device.ports
    taker = next((one for one in suspects if one.name == BRLTTY), None)
    if adapter and taker is not None:
        return Check(
            "usb_driver", device.place, Verdict.FAIL,
            f"{what} is a serial adapter without a port, and {taker.called} runs, which takes it for a Braille display",
            "as root: systemctl mask --now brltty.service brltty-udev.service (or: apt remove brltty), then plug it in "
            "again",
            facts,
        )  # fmt: skip
    return None


def _switch(device: UsbDevice) -> str:
    way = {0x12D1: "-J", 0x19D2: "-K"}.get(device.vendor, "-K")  # Huawei's own message; else the CD-ROM is ejected
    return f"usb_modeswitch -v {device.vendor:04x} -p {device.product:04x} {way}"


def host_clock(*, synchronised: bool) -> Check:
    """Whether this machine's clock is kept right by somebody."""
    facts = {"synchronised": synchronised}
    if synchronised:
        return Check("host_clock", "machine", Verdict.OK, "this machine's clock is synchronised", None, facts)
    return Check(
        "host_clock", "machine", Verdict.WARN, "this machine's clock is not synchronised",
        "set up NTP (timedatectl set-ntp true): after a restart, codes wait for a clock that can be relied on", facts,
    )  # fmt: skip


def missing_ports(usb: Sequence[UsbDevice]) -> Check:
    """No port of a modem that is known was found at all."""
    return Check(
        "ports", "machine", Verdict.FAIL,
        f"no serial port of a known modem was found, among {len(usb)} USB devices",
        "plug the modem in and look again; a modem at a plain serial port, or one that is not known here, is looked at "
        "with --port DEVICE. In a container the device must be passed through (--device)",
        {"usb_devices": [device.usb_id for device in usb]},
    )  # fmt: skip


def port_check(sight: PortSight, usb: UsbDevice | None) -> Check:
    """Whether a port could be opened: it is there, nobody else has it, and this user may."""
    facts = {
        "present": sight.present,
        "allowed": sight.allowed,
        "holders": [_facts(one) for one in sight.holders.processes],
        "unseen_processes": sight.holders.unseen,
    }
    if not sight.present:
        return Check(
            "port", sight.path, Verdict.FAIL, "there is no such device",
            "check plug and power; `port` of a modem is best a path in /dev/serial/by-id, which stays: "
            "ls -l /dev/serial/by-id",
            facts,
        )  # fmt: skip
    if sight.holders.processes:
        who = ", ".join(one.called for one in sight.holders.processes)
        if any(one.gateway for one in sight.holders.processes):
            return Check("port", sight.path, Verdict.OK, f"a gateway uses it: {who}", None, facts)
        fix = "; ".join(dict.fromkeys(_release(one, usb) for one in sight.holders.processes))
        return Check("port", sight.path, Verdict.FAIL, f"held by {who}", fix, facts)
    if not sight.allowed:
        return Check("port", sight.path, Verdict.FAIL, f"user {sight.user} may not open it", _permit(sight), facts)
    if sight.held:
        return _held_by_nobody_seen(sight, usb, facts)
    if sight.trouble is not None:
        remedy = "unplug it, wait ten seconds, plug it in again; check --baudrate and that it is a serial port at all"
        return Check("port", sight.path, Verdict.FAIL, f"it cannot be opened: {sight.trouble}", remedy, facts)
    if sight.console:
        return _console(sight.path)
    return Check("port", sight.path, Verdict.OK, "free, and this user may open it", None, facts)


def _console(path: str) -> Check:
    name = path.rpartition("/")[2]
    return Check(
        "port", path, Verdict.WARN, "the kernel writes its messages to this port, and a modem takes them for commands",
        f"remove console={name},… from the kernel's command line (Raspberry Pi: raspi-config, Interface, Serial Port: "
        "no login shell, hardware yes), then restart the machine",
        {"console": True},
    )  # fmt: skip


def _held_by_nobody_seen(sight: PortSight, usb: UsbDevice | None, facts: dict[str, object]) -> Check:
    suspects = sight.suspects
    facts = {**facts, "suspects": [_facts(one) for one in suspects]}
    fixes = list(dict.fromkeys(_release(one, usb) for one in suspects))
    gateway = next((one for one in suspects if one.gateway), None)
    if gateway is not None:
        words = f"another program holds it, most likely the gateway that runs here: {gateway.called}"
        return Check("port", sight.path, Verdict.WARN, words, _release(gateway, usb), facts)
    unseen = sight.holders.unseen
    hidden = f"; {unseen} processes of other users could not be looked into" if unseen else ""
    known = f"; running and known for that: {', '.join(one.called for one in suspects)}" if suspects else ""
    remedy = "; ".join(["run this as root, which sees whose it is: sudo simwire doctor", *fixes])
    return Check("port", sight.path, Verdict.FAIL, f"another program holds it{hidden}{known}", remedy, facts)


def _permit(sight: PortSight) -> str:
    if sight.group is None:
        name = sight.path.rpartition("/")[2]
        return (
            f'only root may: put KERNEL=="{name}", GROUP="dialout", MODE="0660" into {OWN_RULES} and run, as root: '
            "udevadm control --reload && udevadm trigger"
        )
    return f"as root: usermod -aG {sight.group} {sight.user}; then log out and in again (a service: restart it)"


def _release(process: Process, usb: UsbDevice | None) -> str:
    """How to end one process's hold on a port, or to ask it where it should have it."""
    if process.gateway:
        return f"ask the gateway about its modems: simwire doctor --config {process.config or 'FILE'}"
    if process.name == MODEM_MANAGER:
        whole = "as root: systemctl disable --now ModemManager"
        if usb is None:
            return whole
        rule = (
            f'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{usb.vendor:04x}", ATTR{{idProduct}}=="{usb.product:04x}", '
            'ENV{ID_MM_DEVICE_IGNORE}="1"'
        )
        return (
            f"keep ModemManager off this stick: as root, put the line {rule} into {OWN_RULES}, then: udevadm control "
            f"--reload && udevadm trigger && systemctl restart ModemManager (or, where nothing needs it, {whole})"
        )
    if process.name == BRLTTY:
        return "as root: systemctl mask --now brltty.service brltty-udev.service (or: apt remove brltty)"
    if process.name in _DIAL_UP and process.unit is None:
        return f"end the dial-up connection: poff -a, or kill {process.pid}"
    if process.unit is None:
        return f"end it: kill {process.pid}"
    if process.of_user:
        return f"systemctl --user disable --now {process.unit}"
    return f"as root: systemctl disable --now {process.unit}"


def _facts(process: Process) -> dict[str, object]:
    return {"pid": process.pid, "name": process.name, "unit": process.unit, "gateway": process.gateway}


def answering_port(stick: Stick, answered: Sequence[str], silent: Sequence[str], stable: str | None) -> Check:
    """Which ports of one device take AT commands; `stable` is a name of the best that stays over plugging."""
    facts = {"answering": list(answered), "silent": list(silent), "stable_name": stable}
    if not answered:
        which = ", ".join(silent)
        return Check(
            "at_port", stick.subject, Verdict.FAIL, f"nothing answers AT commands at {which}",
            "check the modem's power; unplug it, wait ten seconds, plug it in again. At a plain serial port also check "
            "the speed (--baudrate) and that RX and TX are not swapped",
            facts,
        )  # fmt: skip
    port = f'port = "{stable or answered[0]}"'
    takes = f"{', '.join(answered)} {'takes' if len(answered) == 1 else 'take'} AT commands"
    if stick.named and stick.ports[0] not in answered:
        words = f"{stick.ports[0]} takes no AT commands; of the same device {takes}"
        return Check("at_port", stick.subject, Verdict.FAIL, words, f"write in the configuration: {port}", facts)
    others = f"; {', '.join(silent)} {'does' if len(silent) == 1 else 'do'} not" if silent else ""
    words = f"{takes}{others}; in the configuration: {port}"
    return Check("at_port", stick.subject, Verdict.OK, words, None, facts)


def _named(device: UsbDevice) -> str:
    name = " ".join(word for word in (device.maker, device.name) if word)
    return f"{name} ({device.usb_id})" if name else f"a device {device.usb_id}"
