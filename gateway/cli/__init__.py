"""The command line: `simwire`. Commands that act on a running gateway go through its HTTP API."""

from gateway.cli.app import main

__all__ = ["main"]
