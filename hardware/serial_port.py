"""Serial ports: devices and rfc2217:// over pyserial, socket:// over TCP.

pyserial opens and configures a device; reading and writing is done on its descriptor, as pyserial's own waits know
nothing of other work and use select(2), which fails for descriptors from 1024 on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import selectors
import socket
import stat
import struct
import termios
import time
import weakref
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import serial

from hardware.errors import ConnectionLost, PortUnavailable

_READ_SIZE = 4096
_POLL = 0.05  # seconds between looks at a port without a file descriptor
_CONNECT_TIMEOUT = 5.0
_LONGEST_WAIT = 86_400.0  # poll(2) takes milliseconds in an int
_TIOCGEXCL = 0x80045440  # <asm-generic/ioctls.h>; not in termios before Python 3.13
_PTY_MAJORS = range(136, 144)  # Unix98 pseudo-terminals, slave side


class _Port(Protocol):
    """What an opened port does; raises OSError (of which pyserial's errors are a kind) where it is gone."""

    def read(self, timeout: float, wakeable: bool, /) -> bytes: ...

    def write(self, data: bytes, timeout: float, /) -> None: ...

    def close(self) -> None: ...


class SerialTransport:
    """A serial port, opened exclusively: a device path, `socket://HOST:PORT` or `rfc2217://HOST:PORT`.

    `baudrate` in bits a second, `rtscts` for hardware flow control; both mean nothing to `socket://`. `write_timeout`
    in seconds (5 s and fixed for `rfc2217://`). Raises PortUnavailable, which says what stands in the way.
    """

    def __init__(self, port: str, *, baudrate: int = 115_200, rtscts: bool = False, write_timeout: float = 5.0) -> None:
        self._name = port
        self._write_timeout = write_timeout
        # Kept until the object goes, not until `close`: another thread may call `wake` at any time.
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._wake)
        self._port: _Port | None = _open(port, baudrate, rtscts, self._wake)

    @property
    def name(self) -> str:
        """The path or URL as given."""
        return self._name

    def write(self, data: bytes) -> None:
        """Hand over all of `data`; raises ConnectionLost where the port is gone or takes no bytes in time."""
        try:
            self._opened().write(data, self._write_timeout)
        except TimeoutError:
            raise ConnectionLost(self._name, f"it took no bytes for {self._write_timeout:g} s") from None
        except OSError as error:
            raise ConnectionLost(self._name, _said(error)) from error

    def read(self, timeout: float, *, wakeable: bool = False) -> bytes:
        """Wait at most `timeout` seconds and return what is there, at most 4096 octets; b"" for nothing.

        Raises ConnectionLost as soon as the port vanishes or is hung up.
        """
        try:
            return self._opened().read(min(timeout, _LONGEST_WAIT), wakeable)
        except OSError as error:
            raise ConnectionLost(self._name, _said(error)) from error

    def wake(self) -> None:
        """End a wakeable `read`, now or the next one; safe from any thread and from a signal handler."""
        with contextlib.suppress(BlockingIOError):  # full: it is awake enough
            os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Drop what is unsent and give the port up; idempotent."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _opened(self) -> _Port:
        if self._port is None:
            raise ConnectionLost(self._name, "it was closed")
        return self._port


class _DescriptorPort:
    """A port that can be waited for together with the wake-up descriptor."""

    def __init__(self, descriptor: int, wake: int) -> None:
        self._descriptor, self._wake = descriptor, wake
        self._readable, self._writable = selectors.PollSelector(), selectors.PollSelector()
        self._either = selectors.PollSelector()
        self._readable.register(descriptor, selectors.EVENT_READ)
        self._writable.register(descriptor, selectors.EVENT_WRITE)
        self._either.register(descriptor, selectors.EVENT_READ)
        self._either.register(wake, selectors.EVENT_READ)

    def read(self, timeout: float, wakeable: bool, /) -> bytes:
        selector = self._either if wakeable else self._readable
        deadline = time.monotonic() + timeout
        while True:
            ready = selector.select(max(timeout, 0.0))
            if any(key.fd == self._descriptor for key, _ in ready):
                with contextlib.suppress(BlockingIOError):  # readiness was false: go on waiting
                    data = os.read(self._descriptor, _READ_SIZE)
                    if not data:
                        raise OSError(errno.ENODEV, "hung up")
                    return data
            elif ready:
                os.eventfd_read(self._wake)
                return b""
            timeout = deadline - time.monotonic()
            if timeout <= 0:
                return b""

    def write(self, data: bytes, timeout: float, /) -> None:
        rest, deadline = memoryview(data), time.monotonic() + timeout
        while True:
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self._descriptor, rest) :]
            if not rest:
                return
            left = deadline - time.monotonic()
            if left <= 0 or not self._writable.select(left):
                raise TimeoutError

    def close(self) -> None:
        for selector in (self._readable, self._writable, self._either):
            selector.close()


class _Device(_DescriptorPort):
    def __init__(self, port: serial.Serial, wake: int, *, terminal: bool) -> None:
        super().__init__(port.fileno(), wake)
        self._serial, self._terminal = port, terminal

    def close(self) -> None:
        super().close()
        with contextlib.suppress(termios.error, OSError):
            # Never drained: the kernel waits up to 30 s in close(2) for a stick that takes no bytes.
            termios.tcflush(self._descriptor, termios.TCIOFLUSH)
            if self._terminal:
                fcntl.ioctl(self._descriptor, termios.TIOCNXCL)
        self._serial.close()


class _Socket(_DescriptorPort):
    def __init__(self, connection: socket.socket, wake: int) -> None:
        super().__init__(connection.fileno(), wake)
        self._connection = connection

    def close(self) -> None:
        super().close()
        self._connection.close()


class _PolledPort:
    """rfc2217://: pyserial's own thread reads it, and there is nothing to wait on but its queue."""

    def __init__(self, port: serial.Serial, wake: int) -> None:
        self._serial, self._wake = port, wake

    def read(self, timeout: float, wakeable: bool, /) -> bytes:
        deadline = time.monotonic() + timeout
        while True:
            waiting = self._serial.in_waiting
            if waiting or timeout > 0:
                data = bytes(self._serial.read(min(max(waiting, 1), _READ_SIZE)))
                if data:
                    return data
            if wakeable:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
                    return b""
            timeout = deadline - time.monotonic()
            if timeout <= 0:
                return b""

    def write(self, data: bytes, _timeout: float, /) -> None:  # its socket has a time-out of its own
        self._serial.write(data)

    def close(self) -> None:
        self._serial.close()


def _open(port: str, baudrate: int, rtscts: bool, wake: int) -> _Port:
    scheme, separator, _ = port.partition("://")
    if not separator:
        return _open_device(port, baudrate, rtscts, wake)
    if scheme == "socket":
        return _open_socket(port, wake)
    if scheme == "rfc2217":
        try:
            opened = serial.serial_for_url(port, baudrate=baudrate, rtscts=rtscts, timeout=_POLL)
        except (OSError, ValueError) as error:
            raise PortUnavailable(port, _said(error)) from error
        return _PolledPort(opened, wake)
    raise PortUnavailable(port, f"{scheme}:// is not supported; give a device path, socket:// or rfc2217://")


def _open_device(path: str, baudrate: int, rtscts: bool, wake: int) -> _Port:
    try:
        node = Path(path).stat()
        if not stat.S_ISCHR(node.st_mode):
            raise PortUnavailable(path, "it is not a serial device")
        # VMIN 1 (inter_byte_timeout): an empty read then means a hang-up and nothing else.
        opened = serial.Serial(
            path, baudrate, rtscts=rtscts, timeout=0, write_timeout=0, inter_byte_timeout=0, exclusive=True
        )
    except PortUnavailable:
        raise
    except (OSError, ValueError, termios.error) as error:
        raise PortUnavailable(path, _hindrance(error, path), _kind(error)) from error
    # A pseudo-terminal keeps TIOCEXCL until its other side is closed: after a crash it could not be opened again.
    terminal = os.major(node.st_rdev) not in _PTY_MAJORS
    if terminal and not _make_exclusive(opened.fileno()):
        opened.close()
        raise PortUnavailable(path, _hindrance(OSError(errno.EBUSY, ""), path), "held")
    return _Device(opened, wake, terminal=terminal)


def _make_exclusive(descriptor: int) -> bool:
    """Keep others out who do not lock the file; False where another process did so before us (root gets this far)."""
    held = bytearray(4)
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, _TIOCGEXCL, held)
        if struct.unpack("i", held)[0]:
            return False
        fcntl.ioctl(descriptor, termios.TIOCEXCL)
    return True


def _open_socket(url: str, wake: int) -> _Port:
    try:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise PortUnavailable(url, "it is not of the form socket://HOST:PORT")
        connection = socket.create_connection((parts.hostname, parts.port), timeout=_CONNECT_TIMEOUT)
    except PortUnavailable:
        raise
    except (OSError, ValueError) as error:
        raise PortUnavailable(url, _said(error)) from error
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A host that vanished without a word is noticed within a minute.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3)):
        connection.setsockopt(socket.IPPROTO_TCP, option, seconds)
    return _Socket(connection, wake)


def _kind(error: Exception) -> str:
    """As in PortUnavailable."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EAGAIN, errno.EBUSY):
        return "held"
    return "forbidden" if number in (errno.EACCES, errno.EPERM) else "missing"


def _hindrance(error: Exception, path: str) -> str:
    """What stands in the way of opening a device, and what to do about it."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EAGAIN, errno.EBUSY):
        return "another program holds it; stop that program (ModemManager is a usual one)"
    if number in (errno.EACCES, errno.EPERM):
        group = _group_of(path)
        return f"permission denied; add the user to the group {group} (usermod -aG {group} USER) and log in again"
    if number == errno.ENOENT:
        return "there is no such device; is the modem plugged in and switched to modem mode?"
    if number in (errno.ENXIO, errno.ENODEV, errno.EIO):
        return "the device is gone or does not answer; plug it in again"
    if number == errno.ENOTTY or isinstance(error, termios.error) or "configure port" in str(error):
        return "it is not a serial port"
    return _said(error)


def _group_of(path: str) -> str:
    with contextlib.suppress(OSError, KeyError):
        node = Path(path).stat()
        if node.st_gid and node.st_mode & stat.S_IRGRP:
            return grp.getgrgid(node.st_gid).gr_name
    return "dialout"


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
