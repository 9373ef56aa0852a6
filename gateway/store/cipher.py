"""The key file and what is made from it: sealed columns and keyed hashes."""

from __future__ import annotations

import errno
import hashlib
import hmac
import logging
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway import randomness
from gateway.store.errors import KeyFileError, StoreBusy, StoreDamaged, StoreFull
from gateway.store.files import sync

log = logging.getLogger("simwire.store")

KEY_OCTETS = 32
_NONCE_OCTETS = 12  # NIST SP 800-38D 5.2.1.1


class Cipher:
    """AES-256-GCM for columns and HMAC-SHA-256 for codes and keys, each with its own subkey (HKDF, RFC 5869)."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_OCTETS:
            raise ValueError(f"the master key has {len(master)} octets, not {KEY_OCTETS}")
        self._text = AESGCM(_subkey(master, "text"))
        # Keyed once, and copied for each hash: half the time of keying anew.
        self._code = hmac.new(_subkey(master, "code-hmac"), digestmod="sha256")
        self._key = hmac.new(_subkey(master, "key-hash"), digestmod="sha256")
        self.fingerprint: str = hashlib.sha256(_subkey(master, "fingerprint")).hexdigest()[:16]
        """Tells key files apart without telling anything about them."""

    def seal(self, plain: bytes, where: str) -> bytes:
        """Encrypt a column; `where` (table, column and row) is bound to it, so that rows cannot be swapped."""
        nonce = randomness.octets(_NONCE_OCTETS)
        return nonce + self._text.encrypt(nonce, plain, where.encode())

    def unseal(self, sealed: bytes, where: str) -> bytes:
        """Decrypt a column; raises StoreDamaged where it was not sealed for this place with this key."""
        try:
            return self._text.decrypt(sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], where.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to be anything sealed
            raise StoreDamaged(f"{where} in the database is damaged; restore a backup") from None

    def code_hash(self, value: bytes) -> bytes:
        """Keyed hash for codes, bindings, contexts and idempotent requests."""
        return _hashed(self._code, value)

    def key_hash(self, value: bytes) -> bytes:
        """Keyed hash for API keys, PINs and card numbers."""
        return _hashed(self._key, value)


def _hashed(keyed: hmac.HMAC, value: bytes) -> bytes:
    own = keyed.copy()
    own.update(value)
    return own.digest()


def _subkey(master: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), KEY_OCTETS, salt=None, info=b"simwire " + purpose.encode()).derive(master)


def create_key_file(path: Path) -> bytes:
    """Make a key file, mode 0600, synced to disk.

    Raises StoreFull on a full disk, StoreBusy where another program just made it, KeyFileError where it cannot be
    made. What cannot be made whole is not left there: the next try would take it for the wrong key.
    """
    master = secrets.token_bytes(KEY_OCTETS)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(master.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            sync(path.parent)  # without its name the file is lost with the power, and all that it seals
        except BaseException:
            path.unlink()
            raise
    except FileExistsError:
        raise StoreBusy(f"key file {path} was just made by another program; try again") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"the disk that is to hold key file {path} is full; make room") from error
        raise KeyFileError(f"key file {path} cannot be made: {error.strerror}") from error
    return master


def read_key_file(path: Path, database: Path) -> bytes:
    """The master key; raises KeyFileError naming both files where it cannot be had."""
    try:
        text = path.read_text(encoding="ascii").strip()
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            log.warning("key file %s can be read by others than its owner: chmod 600 it", path)
        master = bytes.fromhex(text)
    except FileNotFoundError:
        raise KeyFileError(
            f"key file {path} of database {database} is missing; put it back from your backup, "
            "or move the database away to begin with a new one"
        ) from None
    except OSError as error:
        raise KeyFileError(f"key file {path} of database {database} cannot be read: {error.strerror}") from error
    except ValueError:
        master = b""
    if len(master) != KEY_OCTETS:
        raise KeyFileError(f"key file {path} of database {database} does not hold 64 hexadecimal digits")
    return master
