"""Keys of callers: a file that holds their digests, and what a key allows."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from recommender._files import replace_text, storage_errors
from recommender.errors import ConfigError, InputError, SourceNotFoundError
from recommender.server.places import SCOPES

__all__ = ["Key", "KeyRing", "add_key", "read_keys", "revoke_key"]

LIVE_KEYS: Final = 2
"""Keys that one name may have at a time: the one in use and the one that follows it."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_SECRET: Final = re.compile(r"rk_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Key:
    """One key, without its secret.

    Attributes
    ----------
    id : tells keys of one name apart
    name : who calls with it
    scopes : of "read", "write", "admin"; none holds another
    digest : SHA-256 of the secret, in hexadecimal
    created : ISO 8601, UTC
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    digest: str
    created: str


class KeyRing:
    """The keys that are live. It never changes.

    Parameters
    ----------
    keys : all of them
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple((bytes.fromhex(key.digest), key) for key in keys)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, secret: bytes) -> Key | None:
        """Return the key of a secret. Takes as long whichever it is, and if it is none."""
        digest = hashlib.sha256(secret).digest()
        found = None
        for stored, key in self._keys:
            if hmac.compare_digest(stored, digest):
                found = key
        return found


def read_keys(path: str | Path) -> tuple[Key, ...]:
    """Return the keys of a file.

    Raises
    ------
    SourceNotFoundError : it cannot be read
    ConfigError : it holds something else
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceNotFoundError(
            f"Cannot read the file of keys {path}: {error.strerror}. "
            f"Make one with: recommender keys add NAME --keys {path}"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is no file of keys: {error}") from error
    return tuple(_key(one, path) for one in _listed(told, path))


def _listed(told: Any, path: str | Path) -> list[Any]:
    listed = told.get("keys") if isinstance(told, Mapping) else None
    if not isinstance(listed, list):
        raise ConfigError(f'{path} is no file of keys: expected {{"keys": [...]}}.')
    return listed


def _key(told: Any, path: str | Path) -> Key:
    try:
        key = Key(**{**told, "scopes": tuple(told["scopes"])})
        is_sound = len(bytes.fromhex(key.digest)) == 32 and set(key.scopes) <= set(SCOPES)
    except (TypeError, ValueError, KeyError):
        is_sound = False
    if not is_sound:
        raise ConfigError(
            f"{path} holds a key that is none; expected id, name, scopes ({', '.join(SCOPES)}), "
            "digest (SHA-256 of the secret) and created."
        )
    return key


def add_key(path: str | Path, name: str, scopes: Iterable[str]) -> tuple[Key, str]:
    """Make a key, add it to a file, and return it with its secret, which is kept nowhere.

    Raises
    ------
    InputError : a name or scope that cannot be, or the name has two live keys
    StorageError : the file cannot be written
    """
    wanted = tuple(dict.fromkeys(scopes))
    if not _NAME.fullmatch(name):
        raise InputError(f"The name is {name[:80]!r}; expected up to 63 of a-z, 0-9, _ . and -")
    if not wanted or not set(wanted) <= set(SCOPES):
        raise InputError(f"The scopes are {wanted}; expected some of {', '.join(SCOPES)}.")
    keys = read_keys(path) if Path(path).exists() else ()
    if sum(key.name == name for key in keys) >= LIVE_KEYS:
        raise InputError(
            f"{name} has {LIVE_KEYS} live keys. Revoke the one that is no longer in use first: "
            f"recommender keys revoke ID --keys {path}"
        )
    secret = "rk_" + secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    key = Key(secrets.token_hex(4), name, wanted, digest, created)
    _write(path, (*keys, key))
    return key, secret


def revoke_key(path: str | Path, key_id: str) -> Key:
    """Take a key out of a file. A running service notices within its ``poll_seconds``.

    Raises
    ------
    InputError : no key has this id
    """
    keys = read_keys(path)
    gone = [key for key in keys if key.id == key_id]
    if not gone:
        known = ", ".join(key.id for key in keys)
        raise InputError(f"No key has the id {key_id[:80]!r}. Known: {known or 'none'}.")
    _write(path, tuple(key for key in keys if key.id != key_id))
    return gone[0]


def _write(path: str | Path, keys: tuple[Key, ...]) -> None:
    text = json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n"
    target = Path(path)
    with storage_errors(target.parent):
        before = os.umask(0o077)  # only its owner may read it
        try:
            replace_text(target, text)
        finally:
            os.umask(before)


def bearer(header: bytes) -> bytes | None:
    """Return the secret of an ``Authorization`` header, if it can be one of ours."""
    scheme, _, secret = header.partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    text = secret.strip().decode("latin-1")
    return text.encode() if _SECRET.fullmatch(text) else None
