"""A mobile network, SIM cards and modems made of software: for tests, demonstrations and other programs.

It shares no code with the driver that is tested against it: it reads and writes TPDUs with its own codec, and behaves
as 3GPP TS 27.005, 27.007 and 23.040 say, or as a family of modems is known to.
"""

from hardware.simulator.centre import Refused, ServiceCentre, SubmitRecord
from hardware.simulator.door import SimulatedTransport
from hardware.simulator.families import (
    CINTERION,
    DOUBLE_CR,
    EC25,
    GENERIC,
    PERSONALITIES,
    PHS8,
    SIERRA,
    SIM800,
    SIM7600,
    TELIT,
    UBLOX,
    WAVECOM,
)
from hardware.simulator.faults import (
    DelayReport,
    EarlyReport,
    Fault,
    FillStorage,
    LoseAnswer,
    LoseRegistration,
    LoseReport,
    NoReference,
    Reboot,
    Refuse,
    RepeatReport,
    Rubbish,
    Silence,
    Slow,
    SplitLines,
    Step,
    Storm,
    Vanish,
)
from hardware.simulator.handset import Handset, HandsetState, ReceivedMessage
from hardware.simulator.modem import SimulatedModem
from hardware.simulator.network import SimulatedNetwork
from hardware.simulator.parties import Operator
from hardware.simulator.personality import Boot, Personality
from hardware.simulator.replay import ReplayedModem
from hardware.simulator.server import SimulatorServer
from hardware.simulator.sim import MessageStatus, SimCard, UssdAnswer
from hardware.simulator.sticks import HUAWEI, HUAWEI_LTE, ZTE

__all__ = [
    "CINTERION",
    "DOUBLE_CR",
    "EC25",
    "GENERIC",
    "HUAWEI",
    "HUAWEI_LTE",
    "PERSONALITIES",
    "PHS8",
    "SIERRA",
    "SIM800",
    "SIM7600",
    "TELIT",
    "UBLOX",
    "WAVECOM",
    "ZTE",
    "Boot",
    "DelayReport",
    "EarlyReport",
    "Fault",
    "FillStorage",
    "Handset",
    "HandsetState",
    "LoseAnswer",
    "LoseRegistration",
    "LoseReport",
    "MessageStatus",
    "NoReference",
    "Operator",
    "Personality",
    "Reboot",
    "ReceivedMessage",
    "Refuse",
    "Refused",
    "RepeatReport",
    "ReplayedModem",
    "Rubbish",
    "ServiceCentre",
    "Silence",
    "SimCard",
    "SimulatedModem",
    "SimulatedNetwork",
    "SimulatedTransport",
    "SimulatorServer",
    "Slow",
    "SplitLines",
    "Step",
    "Storm",
    "SubmitRecord",
    "UssdAnswer",
    "Vanish",
]
