"""Traces: what went over a modem's port, with times, and without what is nobody's business.

`Tap`, `Wiretap` and `TappedTransport` catch it, `Masker` hides secrets, `Recording` makes the lines of a file of it,
and `read_trace` reads one.
"""

from hardware.tracing.form import FORMAT, Header, Trace, entry_line, header_line, read_trace
from hardware.tracing.lines import masked_command
from hardware.tracing.masking import Masker
from hardware.tracing.records import Direction, Entry, Mark, Octets
from hardware.tracing.session import Recording
from hardware.tracing.tap import Tap, TappedTransport, Wiretap

__all__ = [
    "FORMAT",
    "Direction",
    "Entry",
    "Header",
    "Mark",
    "Masker",
    "Octets",
    "Recording",
    "Tap",
    "TappedTransport",
    "Trace",
    "Wiretap",
    "entry_line",
    "header_line",
    "masked_command",
    "read_trace",
]
