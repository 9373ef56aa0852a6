"""`simwire alarms`: what needs a person, and whether the ways to one work."""

from __future__ import annotations

import click

from gateway.cli import output
from gateway.cli.client import Gateway
from gateway.cli.failure import Failure, Group
from gateway.cli.options import gateway_options

TEST_SECONDS = 90.0
"""How long a mail server may take, and a bit."""


@click.group(cls=Group)
def alarms() -> None:
    """What needs a person."""


@alarms.command("list")
@gateway_options
def list_alarms(gateway: Gateway, as_json: bool) -> None:
    """The alarms of a running gateway."""
    found = gateway.get("/v1/alarms")
    if as_json:
        output.document(found)
        return
    rows = [(one["severity"], one["since"], one["what"], one["remedy"]) for one in found["items"]]
    output.table(("severity", "since", "what", "what to do"), rows, none="no alarms")


@alarms.command("test")
@gateway_options
def test(gateway: Gateway, as_json: bool) -> None:
    """Send a test by every way that is configured; exit status 1 where one does not work."""
    found = gateway.post("/v1/alarms/test", {}, wait=TEST_SECONDS)
    if as_json:
        output.document(found)
    else:
        rows = [(one["channel"], "works" if one["works"] else "fails", one["detail"]) for one in found["items"]]
        output.table(("way", "verdict", "detail"), rows, none="nothing is configured: see [alarms]")
    failed = [one["channel"] for one in found["items"] if not one["works"]]
    if failed:
        raise Failure(f"{', '.join(failed)}: the test was not sent")
