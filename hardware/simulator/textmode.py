"""Messages as lines for the terminal, in PDU mode and in text mode (27.005 3 and 4)."""

from __future__ import annotations

from hardware.errors import DecodeError
from hardware.simulator import alphabet
from hardware.simulator.centre import Incoming
from hardware.simulator.octets import Address, Reader, read_service_centre, read_time
from hardware.simulator.session import Session, cms
from hardware.simulator.sim import MessageStatus, StoredMessage
from hardware.simulator.tpdu import STATUS_REPORT, SUBMIT, Submit, read_deliver, read_report, read_submit
from hardware.simulator.userdata import Content, alphabet_of, write_content

STATUS_WORDS = {
    MessageStatus.UNREAD: "REC UNREAD",
    MessageStatus.READ: "REC READ",
    MessageStatus.UNSENT: "STO UNSENT",
    MessageStatus.SENT: "STO SENT",
}


def shown(text: str, charset: str) -> str:
    """A string for the terminal in the character set of +CSCS; octets above 0x7F stand for themselves in GSM."""
    if charset == "UCS2":
        return text.encode("utf-16-be", "surrogatepass").hex().upper()
    septets = alphabet.septets_of(text) if charset == "GSM" else None
    if septets is not None:
        return bytes(septets).decode("latin-1")
    return text.encode("ascii", "replace").decode("ascii")


def typed(text: bytes, charset: str) -> str:
    """What the terminal wrote, by the character set of +CSCS; refuses with CMS 305 what is none of it."""
    try:
        if charset == "UCS2":
            return bytes.fromhex(text.decode("ascii")).decode("utf-16-be")
        if charset == "GSM" and max(text, default=0) < 0x80:
            return alphabet.text_of(list(text.replace(b"\r", b"\n")))
        return text.decode("ascii")
    except (UnicodeDecodeError, ValueError):
        raise cms(305) from None


def stamp_text(octets: bytes) -> str:
    """A time stamp as "yy/MM/dd,hh:mm:ss±zz" with zz in quarters of an hour; empty where it is no date."""
    when = read_time(octets)
    if when is None:
        return ""
    offset = when.utcoffset()
    quarters = 0 if offset is None else round(offset.total_seconds() / 900)
    return f"{when:%y/%m/%d,%H:%M:%S}{'-' if quarters < 0 else '+'}{abs(quarters):02d}"


def _centre(octets: bytes) -> Address | None:
    try:
        return read_service_centre(Reader(octets))
    except DecodeError:
        return None


def _body(content: Content, dcs: int, charset: str) -> str:
    if content.text is None or alphabet_of(dcs) != "gsm7":
        raw = content.data if content.data is not None else (content.text or "").encode("utf-16-be", "surrogatepass")
        return raw.hex().upper()
    return shown(content.text, charset)


def direct_deliver(incoming: Incoming, session: Session) -> str:
    """Both lines of +CMT."""
    if not session.text_mode:
        return f"+CMT: ,{len(incoming.tpdu)}\r\n{(incoming.centre + incoming.tpdu).hex().upper()}"
    deliver = read_deliver(incoming.tpdu)
    content = deliver.content
    head = f'+CMT: "{shown(deliver.originator.number, session.charset)}",,"{stamp_text(deliver.stamp)}"'
    if session.show_parameters:
        head += f",{deliver.originator.toa},{deliver.first_octet},{deliver.pid},{deliver.dcs}"
        centre = _centre(incoming.centre)
        head += f',"{centre.number if centre else ""}",{centre.toa if centre else 129},{deliver.length}'
    return f"{head}\r\n{_body(content, deliver.dcs, session.charset)}"


def direct_report(incoming: Incoming, *, text_mode: bool, charset: str) -> str:
    """Both lines of +CDS, or its one line in text mode."""
    if not text_mode:
        return f"+CDS: {len(incoming.tpdu)}\r\n{(incoming.centre + incoming.tpdu).hex().upper()}"
    return "+CDS: " + _report_fields(incoming.tpdu, charset)


def _report_fields(tpdu: bytes, charset: str) -> str:
    report = read_report(tpdu)
    number = f'"{shown(report.recipient.number, charset)}",{report.recipient.toa}'
    times = f'"{stamp_text(report.stamp)}","{stamp_text(report.discharge)}"'
    return f"{report.first_octet},{report.reference},{number},{times},{report.status}"


def stored_lines(stored: StoredMessage, session: Session, *, lead: str, alpha: str = "") -> str:
    """Header and body of +CMGR or +CMGL, after `lead` ("+CMGR: " or "+CMGL: 3,"); `alpha` stands for the name."""
    if not session.text_mode:
        return f"{lead}{int(stored.status)},{alpha},{len(stored.tpdu)}\r\n{(stored.centre + stored.tpdu).hex().upper()}"
    word = STATUS_WORDS[stored.status]
    kind = stored.tpdu[0] & 3
    if kind == STATUS_REPORT and stored.status in (MessageStatus.UNREAD, MessageStatus.READ):
        return f'{lead}"{word}",{_report_fields(stored.tpdu, session.charset)}'
    if kind == SUBMIT:
        submit = read_submit(stored.tpdu)
        number = shown(submit.destination.number, session.charset)
        return f'{lead}"{word}","{number}",\r\n{_body(submit.content, submit.dcs, session.charset)}'
    deliver = read_deliver(stored.tpdu)
    head = f'{lead}"{word}","{shown(deliver.originator.number, session.charset)}",,"{stamp_text(deliver.stamp)}"'
    if session.show_parameters:
        head += f",{deliver.originator.toa},{deliver.length}"
        if lead.startswith("+CMGR"):
            centre = _centre(stored.centre)
            head = head.removesuffix(f",{deliver.length}")
            head += f",{deliver.first_octet},{deliver.pid},{deliver.dcs}"
            head += f',"{centre.number if centre else ""}",{centre.toa if centre else 129},{deliver.length}'
    return f"{head}\r\n{_body(deliver.content, deliver.dcs, session.charset)}"


def typed_address(number: str, toa: int | None = None) -> Address:
    """A destination that the terminal wrote; refuses with CMS 304 what is no number."""
    address = Address.of(number) if toa is None else Address(number.lstrip("+"), toa & 0xFF)
    if address.alphanumeric or not 1 <= len(address.digits) <= 20 or not set(address.digits) <= set("0123456789*#abc"):
        raise cms(304)
    return address


def text_submit(number: str, toa: int | None, body: bytes, session: Session) -> Submit:
    """The SMS-SUBMIT of AT+CMGS in text mode, with the values of +CSMP; refuses with CMS 305 or 304."""
    first, validity, pid, dcs = session.parameters
    if first & 3 != SUBMIT or first >> 3 & 3 not in (0, 2) or first & 0x40:
        raise cms(304)
    kind = alphabet_of(dcs)
    text = typed(body, session.charset)
    try:
        destination = typed_address(number, toa)
        content: str | bytes = bytes.fromhex(text) if kind == "octets" else text
        length, octets = write_content(content, kind=kind)
    except ValueError:
        raise cms(305) from None
    vp = bytes([validity]) if first >> 3 & 3 else b""
    return Submit(first, 0, destination, pid, dcs, vp, length, octets)
