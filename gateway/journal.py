"""What the gateway itself puts into the audit log: its starts and stops, and how its configuration changed."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata

from gateway.config import Config
from gateway.masking import redacted
from gateway.reloading import Reload
from gateway.store import GATEWAY, Audit, StoreError
from hardware.clock import Instant

log = logging.getLogger("simwire.journal")

_SECRET = re.compile(r"(?:^|[._])(?:secret|password|token|pin|api_?key)$")
"""Keys whose value is a secret itself; a key that ends in `_file` only says where one is."""
_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/?#\s]*@)?([^/?#@\s]*)", re.ASCII | re.IGNORECASE)
"""Scheme and host of a URL. Name and password, path and query may all be secrets."""
HIDDEN = "hidden"


def started(audit: Audit, config: Config, now: Instant) -> None:
    """Record that the gateway starts and, where it is not the one that was recorded last, its configuration."""
    with _going_on("start"):
        audit.record(GATEWAY, "serve.start", "gateway", {"version": metadata.version("simwire")}, now)
        _configured(audit, config, now)
        _witnessed(audit)


def reloaded(audit: Audit, before: Config, reload: Reload, hooks: Sequence[str], now: Instant) -> None:
    """Record and log what a reload changed, and what it could not change; `hooks`: the webhooks that are other now."""
    old, new = _values(audit, before), _values(audit, reload.config)
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            was, now_is = (_shown(path, values, audit.hidden) for values in (old, new))
            log.info("reload: %s is %s, and was %s", path, json.dumps(now_is), json.dumps(was))
    for name in hooks:
        log.info("reload: webhook %s is as configured now, with its secret as it is in its file", name)
    for path in reload.restart:
        log.warning("reload: %s is other in the file: it takes a restart", path)
    if old == new and not hooks:
        log.info("reload: nothing that may change while it runs is other than before")
    with _going_on("reload"):
        _configured(audit, reload.config, now)


def stopped(audit: Audit, now: Instant) -> None:
    """Record that the gateway stops in good order."""
    with _going_on("stop"):
        audit.record(GATEWAY, "serve.stop", "gateway", {"version": metadata.version("simwire")}, now)
        _witnessed(audit)


def _witnessed(audit: Audit) -> None:
    """Tell the log's end where whoever can write the database need not be able to write."""
    log.info("the audit log has %d rows, the newest with hash %s", *audit.end())


@contextmanager
def _going_on(what: str) -> Iterator[None]:
    """A disk that is full keeps the gateway neither from starting nor from stopping."""
    try:
        yield
    except StoreError as error:
        log.error("the %s is not in the audit log: %s", what, error)


def _configured(audit: Audit, config: Config, now: Instant) -> None:
    values = _values(audit, config)
    before = audit.configuration()
    if values == before:
        return
    digest, known = audit.hidden(json.dumps(values, sort_keys=True)), before or {}
    paths = sorted(path for path in known.keys() | values.keys() if known.get(path) != values.get(path))
    changed = {path: [_shown(path, known, audit.hidden), _shown(path, values, audit.hidden)] for path in paths}
    audit.record_configuration(values, "configuration", "gateway", {"digest": digest, "changed": changed}, now)


def _values(audit: Audit, config: Config) -> dict[str, str]:
    return {
        path: audit.hidden(value) if _SECRET.search(path) else value
        for path, value in flattened(config.model_dump(mode="json"))
    }


def flattened(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a document under its key path, `modem[0].port`, as JSON."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from flattened(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from flattened(inner, f"{path}[{place}]")
    else:
        yield path, json.dumps(value)


def _shown(path: str, values: dict[str, str], digest: Callable[[str], str]) -> object:
    """A value for the log: no secret, numbers masked, of a URL its origin; None where there is none.

    Of what is left out of a URL `digest` is shown, a keyed hash, so that a change is seen.
    """
    if path not in values:
        return None
    if _SECRET.search(path):
        return HIDDEN
    value = json.loads(values[path])
    if not isinstance(value, str):
        return value
    if "://" not in value:
        return redacted(value)
    url = _URL.match(value)
    # Behind an @ that comes later the host may be: what stands before it is then a password with a slash in it.
    origin = "" if url is None or "@" in value[url.end() :] else url[1] + url[2]
    return origin if origin == value else f"{origin} ({HIDDEN}: x{digest(value)[:16]})".strip()
