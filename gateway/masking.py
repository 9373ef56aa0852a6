"""Numbers of people and cards in any words, masked: for the log and the audit log."""

from __future__ import annotations

import re

from gateway.messages import masked

_NUMBER = re.compile(
    r"(?:(?<![\w+])|(?<=%2B)|(?<=%2b))(?<![0-9a-f]{4}-)(?<![0-9]\.)\+?[0-9]{8,20}(?!\w|-[0-9a-f]{4}-|\.[0-9])"
)
"""Phone numbers, IMSI, IMEI, ICCID, also behind the %2B of a URL; not the digit groups of an id, a decimal number or a
time.
"""


def redacted(text: str) -> str:
    """`text` with every number of a subscriber or a card masked, on one line."""
    return _NUMBER.sub(lambda found: masked(found[0]), text)
