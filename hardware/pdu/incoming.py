"""What the network sends to a phone, told apart by TP-MTI (3GPP TS 23.040 9.2.3.1)."""

from __future__ import annotations

from hardware.errors import DecodeError

from .deliver import DeliverPdu, read_deliver
from .framing import MTI_DELIVER, MTI_STATUS_REPORT, open_pdu
from .status_report import StatusReportPdu, read_status_report


def decode_incoming(pdu: str, *, service_centre_prefix: bool = True) -> DeliverPdu | StatusReportPdu:
    """Read the hex of +CMGL, +CMGR, +CMT or +CDS; raises DecodeError naming field and octet.

    An SMS-SUBMIT-REPORT (type 1) never comes that way, type 3 is reserved: both are refused.
    """
    service_centre, reader = open_pdu(pdu, service_centre_prefix)
    message_type = reader.peek("first_octet") & 3
    if message_type == MTI_DELIVER:
        return read_deliver(service_centre, reader)
    if message_type == MTI_STATUS_REPORT:
        return read_status_report(service_centre, reader)
    raise DecodeError("message_type", reader.position, f"TP-MTI is {message_type}, nothing that a phone receives")
