"""Recorded conversations with modems, and what the driver makes of each."""
