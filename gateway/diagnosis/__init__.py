"""What may keep a modem from sending, as checks with verdict and remedy. Pure: others look, and this judges."""

from gateway.diagnosis.findings import Check, Verdict, document, worst
from gateway.diagnosis.machine import (
    PortSight,
    Stick,
    answering_port,
    host_clock,
    missing_ports,
    port_check,
    unexpected_devices,
)
from gateway.diagnosis.modems import identity_check, modem_checks, same_modem
from gateway.diagnosis.served import served_checks
from gateway.diagnosis.trials import Sent, balance_check, trial_checks

__all__ = [
    "Check",
    "PortSight",
    "Sent",
    "Stick",
    "Verdict",
    "answering_port",
    "balance_check",
    "document",
    "host_clock",
    "identity_check",
    "missing_ports",
    "modem_checks",
    "port_check",
    "same_modem",
    "served_checks",
    "trial_checks",
    "unexpected_devices",
    "worst",
]
