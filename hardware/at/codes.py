"""Error codes as data: the standard's words for each, and the class that decides what is done about it."""

from __future__ import annotations

from enum import Enum


class ErrorClass(Enum):
    """What a refusal calls for."""

    RETRY = "retry"
    """Temporary: the same modem later."""
    OTHER_MODEM = "other_modem"
    """This SIM, modem or cell: another one may do it."""
    PERMANENT = "permanent"
    """This destination or content."""
    RECOVER = "recover"
    """The modem needs help before it sends anything."""
    ADAPT = "adapt"
    """The network refuses an option: once more without validity period, protocol identifier or class."""
    UNCERTAIN = "uncertain"
    """The message may have left all the same."""
    ACCEPTED = "accepted"
    """A duplicate was rejected: the first copy is with the service centre."""


_R, _O, _P = ErrorClass.RETRY, ErrorClass.OTHER_MODEM, ErrorClass.PERMANENT
_M, _A, _U = ErrorClass.RECOVER, ErrorClass.ADAPT, ErrorClass.UNCERTAIN

_CMS: dict[int, tuple[str, ErrorClass]] = {
    # RP-cause, 24.011 8.2.5.4
    1: ("unassigned (unallocated) number", _P),
    8: ("operator determined barring", _O),
    10: ("call barred", _O),
    17: ("network failure", _R),
    21: ("short message transfer rejected", _R),
    22: ("congestion, or memory capacity exceeded", _R),
    27: ("destination out of order", _R),
    28: ("unidentified subscriber", _O),
    29: ("facility rejected", _O),
    30: ("unknown subscriber", _P),
    38: ("network out of order", _R),
    41: ("temporary failure", _R),
    42: ("congestion", _R),
    47: ("resources unavailable, unspecified", _R),
    50: ("requested facility not subscribed", _O),
    69: ("requested facility not implemented", _O),
    81: ("invalid short message transfer reference value", _P),
    95: ("invalid message, unspecified", _P),
    96: ("invalid mandatory information", _P),
    97: ("message type non-existent or not implemented", _P),
    98: ("message not compatible with short message protocol state", _R),
    99: ("information element non-existent or not implemented", _P),
    111: ("protocol error, unspecified", _R),
    127: ("interworking, unspecified", _R),
    # TP-FCS, 23.040 9.2.3.22
    128: ("telematic interworking not supported", _A),
    129: ("short message type 0 not supported", _A),
    130: ("cannot replace short message", _A),
    143: ("unspecified TP-PID error", _A),
    144: ("data coding scheme (alphabet) not supported", _A),
    145: ("message class not supported", _A),
    159: ("unspecified TP-DCS error", _A),
    160: ("command cannot be actioned", _P),
    161: ("command unsupported", _P),
    175: ("unspecified TP-Command error", _P),
    176: ("TPDU not supported", _P),
    192: ("service centre busy", _R),
    193: ("no service centre subscription", _O),
    194: ("service centre system failure", _R),
    195: ("invalid SME address", _P),
    196: ("destination SME barred", _P),
    197: ("SM rejected, duplicate SM", ErrorClass.ACCEPTED),
    198: ("TP-VPF not supported", _A),
    199: ("TP-VP not supported", _A),
    208: ("SIM SMS storage full", _M),
    209: ("no SMS storage capability in SIM", _M),
    210: ("error in MS", _M),
    211: ("memory capacity exceeded", _M),
    212: ("SIM application toolkit busy", _R),
    213: ("SIM data download error", _R),
    255: ("unspecified error cause", _R),
    # 27.005 3.2.5
    300: ("ME failure", _R),
    301: ("SMS service of ME reserved", _R),
    302: ("operation not allowed", _M),
    303: ("operation not supported", _P),
    304: ("invalid PDU mode parameter", _P),
    305: ("invalid text mode parameter", _M),  # the modem fell back to text mode
    310: ("SIM not inserted", _M),
    311: ("SIM PIN required", _M),
    312: ("PH-SIM PIN required", _M),
    313: ("SIM failure", _M),
    314: ("SIM busy", _R),
    315: ("SIM wrong", _M),
    316: ("SIM PUK required", _M),
    317: ("SIM PIN2 required", _M),
    318: ("SIM PUK2 required", _M),
    320: ("memory failure", _M),
    321: ("invalid memory index", _R),
    322: ("memory full", _M),
    330: ("SMSC address unknown", _M),
    331: ("no network service", _M),
    332: ("network timeout", _U),
    340: ("no +CNMA acknowledgement expected", _R),
    350: ("no answer from the network (vendor code)", _U),
    500: ("unknown error", _U),
}
# Reserved values count as the unspecified one of their group (23.040 9.2.3.22).
_CMS |= dict.fromkeys(range(131, 143), ("reserved, TP-PID error", _A))
_CMS |= dict.fromkeys(range(146, 159), ("reserved, TP-DCS error", _A))
_CMS |= dict.fromkeys(range(162, 175), ("reserved, TP-Command error", _P))
_CMS |= dict.fromkeys(range(224, 255), ("value specific to an application", _R))

_CME: dict[int, tuple[str, ErrorClass]] = {
    0: ("phone failure", _M),
    1: ("no connection to phone", _M),
    2: ("phone-adaptor link reserved", _M),
    3: ("operation not allowed", _M),
    4: ("operation not supported", _P),
    5: ("PH-SIM PIN required", _M),
    6: ("PH-FSIM PIN required", _M),
    7: ("PH-FSIM PUK required", _M),
    10: ("SIM not inserted", _M),
    11: ("SIM PIN required", _M),
    12: ("SIM PUK required", _M),
    13: ("SIM failure", _M),
    14: ("SIM busy", _R),
    15: ("SIM wrong", _M),
    16: ("incorrect password", _M),
    17: ("SIM PIN2 required", _M),
    18: ("SIM PUK2 required", _M),
    20: ("memory full", _M),
    21: ("invalid index", _R),
    22: ("not found", _R),
    23: ("memory failure", _M),
    24: ("text string too long", _P),
    25: ("invalid characters in text string", _P),
    26: ("dial string too long", _P),
    27: ("invalid characters in dial string", _P),
    30: ("no network service", _M),
    31: ("network timeout", _U),
    32: ("network not allowed - emergency calls only", _M),
    40: ("network personalisation PIN required", _M),
    41: ("network personalisation PUK required", _M),
    42: ("network subset personalisation PIN required", _M),
    43: ("network subset personalisation PUK required", _M),
    44: ("service provider personalisation PIN required", _M),
    45: ("service provider personalisation PUK required", _M),
    46: ("corporate personalisation PIN required", _M),
    47: ("corporate personalisation PUK required", _M),
    48: ("hidden key required", _M),
    50: ("incorrect parameters", _P),
    51: ("command implemented but currently disabled", _M),
    100: ("unknown", _R),
    103: ("illegal MS", _O),
    106: ("illegal ME", _O),
    107: ("GPRS services not allowed", _O),
    111: ("PLMN not allowed", _O),
    112: ("location area not allowed", _O),
    113: ("roaming not allowed in this location area", _O),
    256: ("operation temporarily not allowed (vendor code)", _R),
    257: ("call barred (vendor code)", _O),
    258: ("phone busy (vendor code)", _R),
    259: ("user abort (vendor code)", _R),
    260: ("invalid dial string (vendor code)", _P),
    261: ("supplementary service not executed (vendor code)", _R),
    262: ("SIM blocked (vendor code)", _M),
    263: ("invalid block (vendor code)", _P),
    515: ("busy, initialisation in progress (vendor code)", _R),
}

CMS_MEANINGS: dict[int, str] = {code: meaning for code, (meaning, _) in _CMS.items()}
CMS_CLASSES: dict[int, ErrorClass] = {code: error_class for code, (_, error_class) in _CMS.items()}
CME_MEANINGS: dict[int, str] = {code: meaning for code, (meaning, _) in _CME.items()}
CME_CLASSES: dict[int, ErrorClass] = {code: error_class for code, (_, error_class) in _CME.items()}

OTHER_WORDS: dict[str, tuple[int, int]] = {
    "unknown": (500, 100),
    "unknown error": (500, 100),
    "not allowed": (302, 3),
    "operation not allowed": (302, 3),
    "not supported": (303, 4),
    "operation not supported": (303, 4),
    "phone failure": (300, 0),
    "ME failure": (300, 0),
    "SIM not inserted": (310, 10),
    "SIM PIN required": (311, 11),
    "SIM PIN necessary": (311, 11),
    "PH-SIM PIN required": (312, 5),
    "PH-SIM PIN necessary": (312, 5),
    "SIM failure": (313, 13),
    "SIM busy": (314, 14),
    "SIM wrong": (315, 15),
    "SIM PUK required": (316, 12),
    "SIM PUK necessary": (316, 12),
    "SIM PIN2 required": (317, 17),
    "SIM PUK2 required": (318, 18),
    "memory failure": (320, 23),
    "invalid memory index": (321, 21),
    "invalid index": (321, 21),
    "memory full": (322, 20),
    "no network": (331, 30),
    "no network service": (331, 30),
    "network timeout": (332, 31),
}
"""What modems say in place of a number (AT+CMEE=2): the code as +CMS ERROR and as +CME ERROR."""
