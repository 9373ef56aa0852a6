"""Secrets that the service manager hands over: systemd's `LoadCredential=` and `LoadCredentialEncrypted=`.

They are files that only this service can read, in the folder that $CREDENTIALS_DIRECTORY names. One that is there is
used in place of what the configuration says, which then tells commands outside of the service where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PREFIX = "simwire_"


def with_credentials(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The configuration as read from its file, with the credentials that there are put in place of its own files.

    `simwire_key` is the key file, `simwire_MODEM.pin` the PIN of that modem's SIM, `simwire_WEBHOOK.secret` the secret
    of that webhook.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return document

    def put(section: object, key: str, name: str) -> object:
        path = Path(folder, PREFIX + name)
        return {**section, key: str(path)} if isinstance(section, dict) and path.is_file() else section

    def put_each(what: str, key: str, suffix: str, default: str) -> object:
        sections = document[what]
        if not isinstance(sections, list):
            return sections  # what is wrong with it is told when it is checked
        names = [
            (section.get("name") or f"{default}{place}") if isinstance(section, dict) else ""
            for place, section in enumerate(sections, 1)
        ]
        return [put(section, key, f"{name}.{suffix}") for section, name in zip(sections, names, strict=True)]

    changed: dict[str, Any] = {}
    if "gateway" in document:
        changed["gateway"] = put(document["gateway"], "key_file", "key")
    if "modem" in document:
        changed["modem"] = put_each("modem", "pin_file", "pin", "sim")
    if "webhook" in document:
        changed["webhook"] = put_each("webhook", "secret_file", "secret", "hook")
    return document | changed
