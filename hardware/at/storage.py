"""Answers about stored messages and how new ones are told of (3GPP TS 27.005 3.2-3.5, 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hardware.at.fields import Field, arguments, field, fields, has_prefix, inside, line_of, numbers, split, ucs2, words
from hardware.at.indications import is_hex
from hardware.errors import MalformedResponse


@dataclass(frozen=True, slots=True)
class StorageChoices:
    """+CPMS=?: which memories can be read and deleted from, written to and sent from, and received into."""

    reading: tuple[str, ...]
    writing: tuple[str, ...]
    receiving: tuple[str, ...]


def parse_storage_choices(lines: Sequence[str]) -> StorageChoices:
    """Read the answer to AT+CPMS=?; a memory that is not listed has no choices."""
    given = arguments(line_of(lines, "+CPMS"))
    if given.startswith("(("):
        given = inside(given)  # Wavecom
    lists = [words(piece) for piece in split(given)]
    lists += [()] * (3 - len(lists))
    return StorageChoices(*lists[:3])


@dataclass(frozen=True, slots=True)
class StorageUse:
    """One memory: `name` is "" where the modem does not say it."""

    name: str
    used: int
    total: int


def parse_storage_use(lines: Sequence[str]) -> list[StorageUse]:
    """Read the answer to AT+CPMS? or to AT+CPMS=…: up to three memories, in the order mem1, mem2, mem3."""
    memories, name, counts = [], "", list[int]()
    for given in fields(line_of(lines, "+CPMS")):
        if given.number is None or given.quoted:
            name, counts = given.text, []
            continue
        counts.append(given.number)
        if len(counts) == 2:
            memories.append(StorageUse(name, counts[0], counts[1]))
            name, counts = "", []
    if not memories:
        raise MalformedResponse("AT+CPMS", "no numbers of used and total places")
    return memories


@dataclass(frozen=True, slots=True)
class IndicationChoices:
    """+CNMI=?: the values allowed for each argument."""

    mode: tuple[int, ...]
    mt: tuple[int, ...]
    bm: tuple[int, ...]
    ds: tuple[int, ...]
    bfr: tuple[int, ...]


def parse_indication_choices(lines: Sequence[str]) -> IndicationChoices:
    """Read the answer to AT+CNMI=?."""
    lists = [numbers(piece) for piece in split(arguments(line_of(lines, "+CNMI")))]
    if not any(lists):
        raise MalformedResponse("AT+CNMI", "no ranges in the answer")
    lists += [()] * (5 - len(lists))
    return IndicationChoices(*lists[:5])


@dataclass(frozen=True, slots=True)
class IndicationSetting:
    """+CNMI?: how new messages and reports are told of."""

    mode: int
    mt: int
    bm: int = 0
    ds: int = 0
    bfr: int = 0


def parse_indication_setting(lines: Sequence[str]) -> IndicationSetting:
    """Read the answer to AT+CNMI?."""
    values = [given.number for given in fields(line_of(lines, "+CNMI"))]
    known = [value for value in values if value is not None]
    if len(known) < 2 or len(known) != len(values):
        raise MalformedResponse("AT+CNMI", "five numbers were expected")
    return IndicationSetting(*known[:5])


_SHORTEST = 12  # octets from which hex is taken for a PDU whatever length was told


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of +CMGL or +CMGR in PDU mode. `pdu` is what came, in upper case; "" where nothing did."""

    index: int | None
    status: int | None
    """0 received unread, 1 received read, 2 stored unsent, 3 stored sent; None where the modem leaves it out."""
    length: int | None
    pdu: str

    @property
    def believable(self) -> bool:
        """Whether `pdu` is one: hex of the told length, or long enough, as some modems tell another length.

        The service centre's address in front is not counted in <length> (27.005 3.1).
        """
        if not is_hex(self.pdu):
            return False
        octets = len(self.pdu) // 2
        return octets >= _SHORTEST or (self.length or 0) + 1 + int(self.pdu[:2], 16) == octets

    def __repr__(self) -> str:
        return f"StoredMessage({self.index}, {self.status}, {self.length}, pdu of {len(self.pdu) // 2} octets)"


def parse_message(lines: Sequence[str]) -> StoredMessage | None:
    """Read the answer to AT+CMGR in PDU mode; None for an empty place (no line, or one without a PDU).

    None for an answer in text mode too: its second line is anybody's text, digits perhaps, and no PDU.
    """
    messages = _messages(lines, "+CMGR")
    return messages[0] if messages and messages[0].pdu else None


def parse_messages(lines: Sequence[str]) -> list[StoredMessage]:
    """Read the answer to AT+CMGL in PDU mode. A header without a PDU is kept: its place is taken all the same.

    One without an index is left out. In an answer in text mode no message has a PDU.
    """
    return _messages(lines, "+CMGL")


def _messages(lines: Sequence[str], prefix: str) -> list[StoredMessage]:
    entries: list[tuple[list[Field], str]] = []
    header: list[Field] | None = None
    for line in lines:
        if has_prefix(line, prefix):
            if header is not None:
                entries.append((header, ""))
            header, body = _header(line)
            if not body:
                continue
        else:
            body = line
        if header is not None:
            entries.append((header, body))
            header = None
    if header is not None:
        entries.append((header, ""))
    indexed = prefix == "+CMGL"
    if any(_in_text_mode(header[indexed:]) for header, _ in entries):
        entries = [(header, "") for header, _ in entries]  # a text may imitate the header of a PDU
    messages = [_message(header, body, indexed=indexed) for header, body in entries]
    return [message for message in messages if message.index is not None or not indexed]


def _in_text_mode(header: list[Field]) -> bool:
    """Whether <stat> is a string (27.005 3.4.2, 3.4.3): in PDU mode it is a number, or left out."""
    return bool(header) and header[0].text.strip() != "" and (header[0].quoted or header[0].number is None)


def _header(line: str) -> tuple[list[Field], str]:
    """The arguments of a header, and the PDU where it follows on the same line after a space."""
    pieces = split(arguments(line))
    last, _, body = pieces[-1].partition(" ")
    body = body.strip().strip('"')
    if not is_hex(body):
        return [field(piece) for piece in pieces], ""
    return [field(piece) for piece in (*pieces[:-1], last)], body


def _message(header: list[Field], body: str, *, indexed: bool) -> StoredMessage:
    index = None
    if indexed:
        index, header = header[0].number, header[1:]
    length = header[-1].number if header else None
    status = header[0].number if len(header) > 1 else None
    return StoredMessage(index, status, length, body.replace('"', "").replace(" ", "").upper())


@dataclass(frozen=True, slots=True)
class ServiceCentre:
    """+CSCA: `number` with + where it is international, "" for none set."""

    number: str
    type_of_address: int | None

    def __repr__(self) -> str:
        return f"ServiceCentre(…{self.number[-2:]}, {self.type_of_address})"


def parse_service_centre(lines: Sequence[str]) -> ServiceCentre:
    """Read the answer to AT+CSCA?."""
    given = fields(line_of(lines, "+CSCA"))
    number = ucs2(given[0].text.strip())
    type_of_address = given[1].number if len(given) > 1 else None
    if type_of_address == 145 and number and not number.startswith("+"):
        number = f"+{number}"
    return ServiceCentre(number, type_of_address)


@dataclass(frozen=True, slots=True)
class MessageService:
    """+CSMS: `service` 1 is phase 2+ and None in the answer to a setting; mt, mo, bm say what is supported."""

    service: int | None
    mt: int
    mo: int
    bm: int


def parse_message_service(lines: Sequence[str]) -> MessageService:
    """Read the answer to AT+CSMS? (four numbers) or to AT+CSMS=… (three)."""
    values = [given.number for given in fields(line_of(lines, "+CSMS"))]
    known = [value for value in values if value is not None]
    if len(known) not in (3, 4) or len(known) != len(values):
        raise MalformedResponse("AT+CSMS", "three or four numbers were expected")
    return MessageService(known[0] if len(known) == 4 else None, *known[-3:])


def parse_link_modes(lines: Sequence[str]) -> tuple[int, ...]:
    """Read the answer to AT+CMMS=?: how the relay link can be kept (27.005 3.5.6)."""
    return numbers(arguments(line_of(lines, "+CMMS")))
