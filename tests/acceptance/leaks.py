"""Looking for secrets in octets, in every form in which they are likely to stand there."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path


def forms(secret: str) -> Iterator[bytes]:
    """The octets of a secret as UTF-16, escaped in JSON, in hexadecimal, in base64, and packed into septets."""
    plain = secret.encode()
    wide = [secret.encode("utf-16-le"), secret.encode("utf-16-be")]
    yield from wide
    if (escaped := json.dumps(secret)[1:-1].encode()) != plain:
        yield escaped
    for octets in {plain, *wide}:
        yield octets.hex().encode()
        yield octets.hex().upper().encode()
        for lead in range(3):  # base64 of it, wherever in a longer run of octets it begins
            whole = base64.b64encode(bytes(lead) + octets)
            yield whole[(lead * 8 + 5) // 6 :][: len(octets) * 8 // 6 - 1]
    if secret.isascii() and len(secret) >= 5:
        for shift in range(8):  # GSM 7-bit packed (23.038 6.1.2.1.1), wherever in a longer text it begins
            packed = septets(secret, shift)
            yield packed
            yield packed.hex().encode()
            yield packed.hex().upper().encode()


def septets(text: str, shift: int) -> bytes:
    """Text packed seven bits a character behind `shift` bits of another one; octets that it fills by itself only."""
    bits = sum((ord(char) & 0x7F) << 7 * place for place, char in enumerate(text)) << shift
    length = (7 * len(text) + shift) // 8
    octets = (bits & (1 << 8 * length) - 1).to_bytes(length, "little")
    return octets[1 if shift else 0 :]


def stands_in(secret: str, octets: bytes) -> bool:
    """Whether the secret stands there, in any form; digits as text only where they are a number of their own."""
    plain = re.escape(secret.encode())
    if re.search(rb"(?<![0-9])" + plain + rb"(?![0-9])" if secret.isdigit() else plain, octets):
        return True
    return any(form in octets for form in forms(secret))


def leaks(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> set[tuple[str, str]]:
    """Which secret stands in which place, as (name of the secret, name of the place)."""
    return {
        (name, place)
        for name, secret in secrets.items()
        for place, octets in places.items()
        if stands_in(secret, octets)
    }


def files_of(folder: Path, *but: str) -> dict[str, bytes]:
    """The octets of every file of a folder, but for those that hold secrets by design."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and file.name not in but}
