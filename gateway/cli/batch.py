"""What is known of a batch: which of its messages the gateway has, kept in a file that survives a power cut."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.client import Gateway, Refused
from gateway.cli.failure import Failure
from gateway.messages import TERMINAL
from hardware.clock import SystemClock

FORM = 1
REMEMBERED = 20 * 3600.0
"""Seconds for which the gateway surely knows an Idempotency-Key again: it keeps them for 24 h."""
PAGE = 100
_BEGINS = b'{"simwire_batch": '
_NAME = re.compile(r"[A-Za-z0-9._-]{1,50}")


def name_of(path: Path) -> str:
    """The name of a batch that was given none: that of its file, so that a mended file goes on with the same batch."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem)[:50].strip("-") or "batch"


@dataclass(slots=True)
class Batch:
    """Messages that belong together, each of which goes once however often the command is run."""

    name: str
    path: Path
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of the messages that the gateway has, by what they are known by."""
    states: dict[str, str] = field(default_factory=dict)
    """Terminal states, by id."""
    age: float | None = None
    """Seconds since an earlier run wrote last; None where there was none."""
    _file: int = -1

    @property
    def tag(self) -> str:
        """The tag that its messages carry at the gateway."""
        return f"batch:{self.name}"

    def reference(self, number: str, text: str | None) -> str:
        """What a message of this batch is known by: its number, and its text too where one number may get several."""
        told = json.dumps(["simwire bulk", self.name, number, text])
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:40]

    def taken(self, reference: str, identity: str) -> None:
        """The gateway has it; on the disk before this returns."""
        self.ids[reference] = identity
        self.append({"ref": reference, "id": identity})

    def ended(self, identity: str, state: str) -> None:
        """Nothing more can happen to it."""
        self.states[identity] = state
        self.append({"id": identity, "state": state})

    def ask(self, gateway: Gateway) -> None:
        """Learn from the gateway what it has of this batch already: after a crash, or where the file was lost.

        Raises Failure where the key may not look, and too much time has passed to rely on what the gateway remembers.
        """
        cursor: str | None = None
        try:
            while True:
                page = gateway.get("/v1/messages", {"tag": self.tag, "limit": PAGE, "cursor": cursor})
                for message in page["items"]:
                    reference = message["client_ref"]
                    if reference and reference not in self.ids:
                        self.taken(reference, message["id"])
                cursor = page.get("next_cursor")
                if cursor is None:
                    return
        except Refused as error:
            if error.status != 403:
                raise
            if self.age is not None and self.age > REMEMBERED:
                raise Failure(
                    f"batch {self.name} was broken off {self.age / 3600:.0f} h ago, and whether the message that was "
                    "under way then was taken can only be seen with a key that has the scope messages:read"
                ) from None

    def append(self, line: Mapping[str, object]) -> None:
        """Write a line, which is on the disk when this returns; raises Failure where it cannot be."""
        octets = (json.dumps(line) + "\n").encode()
        try:
            if os.write(self._file, octets) < len(octets):  # the next run takes the beginning of it off again
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError as error:
            raise Failure(
                f"{self.path} cannot be written: {error.strerror}; mend that and run the same command again, which "
                "sends nothing twice"
            ) from None


def fingerprint(text: str) -> str:
    """What shows that a text is the same, and not what it says."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@contextmanager
def opened(path: Path, name: str, made_of: Mapping[str, str | bool]) -> Iterator[Batch]:
    """The batch in the file at `path`, made where there is none; nobody else works on it meanwhile.

    `made_of` says what must be the same in every run. Raises Failure where it is not, or the file is none of ours.
    """
    if not _NAME.fullmatch(name):
        raise Failure(f"{name!r} cannot name a batch: write at most 50 letters, digits, dots, - or _")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"batch {name} is being sent by another run, which holds {path}") from None
        batch = Batch(name, path, _file=descriptor)
        _read(batch, made_of)
        yield batch
    finally:
        os.close(descriptor)


def _read(batch: Batch, made_of: Mapping[str, str | bool]) -> None:
    octets = batch.path.read_bytes()
    if octets[: len(_BEGINS)] != _BEGINS[: len(octets)]:
        raise _not_ours(batch)
    if octets:
        batch.age = SystemClock().now().wall - batch.path.stat().st_mtime
    whole, _, torn = octets.rpartition(b"\n")
    if torn:  # a power cut in the middle of a line: that message is asked of the gateway
        os.truncate(batch.path, len(octets) - len(torn))
    header = {"simwire_batch": FORM, "batch": batch.name, **made_of}
    lines = whole.splitlines()
    if len(lines) < 2:  # nothing was taken yet: it may begin in another way
        os.truncate(batch.path, 0)
        batch.append(header)
        _sync_folder(batch.path.parent)
        return
    try:
        known, *rest = (json.loads(line) for line in lines)
        if known["simwire_batch"] != FORM or known["batch"] != batch.name:
            raise ValueError
        for line in rest:
            if "ref" in line:
                batch.ids[line["ref"]] = line["id"]
            elif line["state"] in TERMINAL:
                batch.states[line["id"]] = line["state"]
    except (ValueError, LookupError, TypeError):
        raise _not_ours(batch) from None
    if changed := [one for one, value in made_of.items() if known.get(one) != value]:
        raise Failure(
            f"batch {batch.name} was begun with another {changed[0]}, and {len(batch.ids)} messages of it were taken: "
            "go on as it was begun, or give what you send now a --batch NAME of its own, which sends to every row"
        )


def _not_ours(batch: Batch) -> Failure:
    return Failure(f"{batch.path} is not the state of batch {batch.name}; move it away, or name another with --state")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
