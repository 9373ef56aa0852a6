"""What monitoring reads: counters since the start, and what the queue and the modems are like at the moment."""

from __future__ import annotations

from gateway.metrics.metrics import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics"]
