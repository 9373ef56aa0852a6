"""PDUs spelled out octet by octet from 3GPP TS 23.040, with none of the code under test."""

CENTRE = "069144779810" + "10"  # 6 octets: international, +4477890101
SENDER = "0C91447700091032"  # +447700900123: 12 semi-octets, international, swapped pairs
STAMP = "62309210959540"  # 2026-03-29 01:59:59, four quarters of an hour east
DISCHARGED = "62309210051440"  # 2026-03-29 01:50:41


def packed(septets: bytes, fill_bits: int = 0) -> str:
    """Septets into octets the long way: a row of bits, the lowest first, after the fill bits."""
    bits = "0" * fill_bits + "".join(f"{septet:07b}"[::-1] for septet in septets)
    octets = [bits[at : at + 8].ljust(8, "0")[::-1] for at in range(0, len(bits), 8)]
    return "".join(f"{int(octet, 2):02X}" for octet in octets)


def deliver(
    dcs: int, length: int, data: str, *, first: int = 0x04, sender: str = SENDER, pid: int = 0, stamp: str = STAMP
) -> str:
    """An SMS-DELIVER without a service centre in front of it."""
    return f"00{first:02X}{sender}{pid:02X}{dcs:02X}{stamp}{length:02X}{data}"


def report(status: int, *, first: int = 0x06, stamp: str = STAMP, discharge: str = DISCHARGED, end: str = "") -> str:
    """An SMS-STATUS-REPORT about TP-MR 42 without a service centre in front of it."""
    return f"00{first:02X}2A{SENDER}{stamp}{discharge}{status:02X}{end}"


def part(dcs: int, sequence: int, data: str, extra: str = "") -> str:
    """Part `sequence` of 2 under reference 42, in an alphabet of whole octets."""
    header = f"00032A02{sequence:02X}{extra}"
    content = f"{len(header) // 2:02X}{header}{data}"
    return deliver(dcs, len(content) // 2, content, first=0x44)
