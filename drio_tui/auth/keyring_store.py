"""Stores tokens in the operating system's keyring, through the `keyring` package, with a time limit on every call.

A locked keyring may wait for the user without end. So every call runs in a separate thread with a time limit, and
after the first call that timed out the keyring is not used again in this run. The thread is a daemon, so that it
never keeps the program from exiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from drio_tui.asyncio_wait import in_daemon_thread
from drio_tui.auth.errors import StoreFailed
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "drio-tui"
LIMIT_SECONDS = 3.0
# In characters: Windows Credential Manager takes 2560 bytes of UTF-16 in one entry.
_MAX_ENTRY_LENGTH = 1280
_PART_LENGTH = 1200
_MAX_PARTS = 64
_PARTS_PREFIX = "drio-tui parts "
_T = TypeVar("_T")


class KeyringUnusable(StoreFailed):
    """There is no keyring (`absent`), or it failed or did not respond."""

    title = "The keyring cannot be used"
    hint = "Unlock the keyring, or `drio-tui login --insecure-storage`."


class OsKeyringBackend:
    """A `SecretBackend` in the keyring that `keyring` chose (or `PYTHON_KEYRING_BACKEND` names).

    `notify` is called with a warning when that keyring stores passwords in clear text. `limit` is in seconds per call.
    """

    def __init__(self, notify: Callable[[str], None], *, limit: float = LIMIT_SECONDS) -> None:
        self._notify = notify
        self._limit = limit
        self._label = "the keyring"
        self._warning = ""
        self._broken: KeyringUnusable | None = None
        self._call_lock = asyncio.Lock()

    @property
    def label(self) -> str:
        return self._label

    async def get(self, entry: str) -> str | None:
        return await self._run(lambda backend: _get(backend, entry))

    async def put(self, entry: str, text: str) -> None:
        await self._run(lambda backend: _put(backend, entry, text), secret=text)

    async def delete(self, entry: str) -> None:
        await self._run(lambda backend: _delete(backend, entry))

    async def set_aside(self, entry: str, text: str) -> str:
        damaged_entry = f"{entry} (damaged)"

        def move(backend: KeyringBackend) -> None:
            if text:
                backend.set_password(SERVICE, damaged_entry, text[:_PART_LENGTH])
            _delete(backend, entry)

        await self._run(move, secret=text)
        return f"the keyring entry “{damaged_entry}”"

    async def _run(self, call: Callable[[KeyringBackend], _T], *, secret: str = "") -> _T:
        async with self._call_lock:
            if self._broken is not None:
                raise self._broken
            try:
                outcome = await asyncio.wait_for(
                    in_daemon_thread("drio-tui keyring", lambda: call(self._backend())), self._limit
                )
                if self._warning:
                    self._notify(self._warning)
                return outcome
            except TimeoutError:
                unusable = KeyringUnusable(
                    f"The keyring did not answer within {duration(self._limit)}; it may be locked and waiting for you."
                )
            except KeyringUnusable as error:
                unusable = error
            except Exception as error:  # noqa: BLE001 - a backend may raise anything: D-Bus, pywin32, its own
                absent = any(base.__name__ == "NoKeyringError" for base in type(error).__mro__)
                unusable = KeyringUnusable(f"The keyring failed: {_error_text(error, secret)}.", absent=absent)
            self._broken = unusable
        raise unusable

    def _backend(self) -> KeyringBackend:
        """Return the backend in use. Runs in the thread: importing and choosing one may use D-Bus."""
        import keyring  # slow to import, and only needed where tokens are read or written

        backend = keyring.get_keyring()
        backend_name = f"{type(backend).__module__}.{type(backend).__qualname__}"
        chained_modules = [f"{type(b).__module__}" for b in getattr(backend, "backends", [])]
        if "keyring.backends.null" in backend_name:
            raise KeyringUnusable("The keyring is switched off (null backend: it keeps nothing).", absent=True)
        if "keyring.backends.fail" in backend_name or ("chainer" in backend_name and not chained_modules):
            raise KeyringUnusable("There is no keyring on this machine.", absent=True)
        self._label = f"the keyring ({getattr(backend, 'name', backend_name)})"
        if "plaintext" in backend_name.lower() or any(m.startswith("keyrings.alt") for m in chained_modules):
            self._warning = f"The keyring in use ({backend_name}) keeps passwords in clear text."
        return backend


def _get(backend: KeyringBackend, entry: str) -> str | None:
    text = backend.get_password(SERVICE, entry)
    if text is None or not text.startswith(_PARTS_PREFIX):
        return text
    try:
        index = json.loads(text.removeprefix(_PARTS_PREFIX))
        names = _part_names(entry, str(index["id"]), int(index["count"]))
        joined = "".join(backend.get_password(SERVICE, name) or "" for name in names)
        if hashlib.sha256(joined.encode()).hexdigest() == index["sha256"]:
            return joined
    except (ValueError, KeyError, TypeError):
        pass
    return ""  # the entry exists, but a part is missing or damaged: the caller sets it aside


def _put(backend: KeyringBackend, entry: str, text: str) -> None:
    old_parts = _stored_part_names(backend, entry)
    in_one_entry = len(text) <= _MAX_ENTRY_LENGTH or "Windows" not in type(backend).__module__
    if in_one_entry:
        try:
            backend.set_password(SERVICE, entry, text)
        except Exception:
            # A long text may have been refused for its length, so try parts; a short one failed for another reason.
            if len(text) <= _MAX_ENTRY_LENGTH:
                raise
            in_one_entry = False
    if not in_one_entry:
        _put_in_parts(backend, entry, text)
    _delete_parts(backend, old_parts)


def _put_in_parts(backend: KeyringBackend, entry: str, text: str) -> None:
    """Write the parts first, then the entry that names them, so that a reader gets the old or the new text, no mix."""
    parts = [text[i : i + _PART_LENGTH] for i in range(0, len(text), _PART_LENGTH)]
    if len(parts) > _MAX_PARTS:
        raise KeyringUnusable(f"The tokens are too long for the keyring ({len(text)} characters).")
    parts_id = secrets.token_hex(4)
    for name, part in zip(_part_names(entry, parts_id, len(parts)), parts, strict=True):
        backend.set_password(SERVICE, name, part)
    index = {"id": parts_id, "count": len(parts), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    backend.set_password(SERVICE, entry, _PARTS_PREFIX + json.dumps(index))


def _delete(backend: KeyringBackend, entry: str) -> None:
    parts = _stored_part_names(backend, entry)
    if backend.get_password(SERVICE, entry) is not None:
        backend.delete_password(SERVICE, entry)
    _delete_parts(backend, parts)


def _stored_part_names(backend: KeyringBackend, entry: str) -> list[str]:
    text = backend.get_password(SERVICE, entry)
    if text is None or not text.startswith(_PARTS_PREFIX):
        return []
    try:
        index = json.loads(text.removeprefix(_PARTS_PREFIX))
        return _part_names(entry, str(index["id"]), int(index["count"]))
    except (ValueError, KeyError, TypeError):
        return []


def _delete_parts(backend: KeyringBackend, names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):  # best effort: a part left behind is no usable token
            backend.delete_password(SERVICE, name)


def _part_names(entry: str, parts_id: str, count: int) -> list[str]:
    return [f"{entry} #{parts_id}.{i}" for i in range(min(count, _MAX_PARTS))]


def _error_text(error: BaseException, secret: str) -> str:
    text = one_line(str(error), 160)
    if secret and (secret in str(error) or (len(text) > 40 and any(c in text for c in '{"'))):
        text = ""  # some backends quote the secret in their errors
    return f"{type(error).__name__}{': ' + text if text else ''}"
