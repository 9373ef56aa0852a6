"""The TPDU codec: octets of 3GPP TS 23.040 and alphabets of 23.038, to values and back. Pure, and knows no modem.

Sending: `segment` or `segment_data` → `SubmitPdu(…).encode()`. Receiving: `decode_incoming`, which raises
`hardware.errors.DecodeError` and nothing else for whatever comes. Values that cannot be sent raise `EncodeError`.
"""

from . import gsm7
from .address import Address
from .data_coding import Alphabet, DataCodingScheme, WaitingIndication, WaitingKind
from .deliver import DeliverPdu
from .delivery_status import DeliveryOutcome, DeliveryStatus
from .incoming import decode_incoming
from .segment import Segment
from .segmentation import MAX_PARTS, Segmentation, segment, segment_data
from .status_report import ReportParameters, StatusReportPdu
from .submit import SHORT_MESSAGE_TYPE_0, EncodedPdu, SubmitPdu, replace_short_message
from .transliteration import transliterate
from .user_data import UserData, join_user_data
from .user_data_header import Concatenation, InformationElement, PortAddressing, UserDataHeader
from .validity import AbsoluteValidity, EnhancedValidity, RelativeValidity, Validity

__all__ = [
    "AbsoluteValidity",
    "Address",
    "Alphabet",
    "Concatenation",
    "DataCodingScheme",
    "DeliverPdu",
    "DeliveryOutcome",
    "DeliveryStatus",
    "EncodedPdu",
    "EnhancedValidity",
    "InformationElement",
    "MAX_PARTS",
    "PortAddressing",
    "RelativeValidity",
    "ReportParameters",
    "SHORT_MESSAGE_TYPE_0",
    "Segment",
    "Segmentation",
    "StatusReportPdu",
    "SubmitPdu",
    "UserData",
    "UserDataHeader",
    "Validity",
    "WaitingIndication",
    "WaitingKind",
    "decode_incoming",
    "gsm7",
    "join_user_data",
    "replace_short_message",
    "segment",
    "segment_data",
    "transliterate",
]
