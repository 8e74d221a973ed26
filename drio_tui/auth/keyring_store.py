"""Tokens in the operating system's keyring, through `keyring`, never for longer than a few seconds at a time.

A locked keyring may wait for a person for ever. So every call runs in a thread of its own with a time
limit; after the first call that did not come back the keyring counts as out of order for this run.
The thread is a daemon: it never keeps the program from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from drio_tui.auth.errors import StoreFailed
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "drio-tui"
LIMIT_SECONDS = 3.0
# Windows Credential Manager takes 2560 bytes of UTF-16 in one entry.
_LONGEST_ENTRY = 1280
_PART = 1200
_MOST_PARTS = 64
_PARTS_MARK = "drio-tui parts "
_T = TypeVar("_T")


class KeyringUnusable(StoreFailed):
    """There is no keyring, or it does not answer; `absent` when there is none that could hold anything."""

    title = "The keyring cannot be used"
    hint = "Unlock the keyring, or `drio-tui login --insecure-storage`."


class OsKeyringBackend:
    """A `SecretBackend` in the keyring that `keyring` chose (or `PYTHON_KEYRING_BACKEND` names).

    `tell` gets a warning when that keyring keeps passwords in clear text. `limit` is seconds per call.
    """

    def __init__(self, tell: Callable[[str], None], *, limit: float = LIMIT_SECONDS) -> None:
        self._tell = tell
        self._limit = limit
        self._label = "the keyring"
        self._warning = ""
        self._broken: KeyringUnusable | None = None
        self._one_at_a_time = asyncio.Lock()

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
        aside = f"{entry} (damaged)"

        def move(backend: KeyringBackend) -> None:
            if text:
                backend.set_password(SERVICE, aside, text[:_PART])
            _delete(backend, entry)

        await self._run(move, secret=text)
        return f"the keyring entry “{aside}”"

    async def _run(self, call: Callable[[KeyringBackend], _T], *, secret: str = "") -> _T:
        async with self._one_at_a_time:
            if self._broken is not None:
                raise self._broken
            try:
                outcome = await asyncio.wait_for(_in_daemon_thread(lambda: call(self._backend())), self._limit)
                if self._warning:
                    self._tell(self._warning)
                return outcome
            except TimeoutError:
                failure = KeyringUnusable(
                    f"The keyring did not answer within {duration(self._limit)}; it may be locked and waiting for you."
                )
            except KeyringUnusable as problem:
                failure = problem
            except Exception as problem:  # noqa: BLE001 - a backend may raise anything: D-Bus, pywin32, its own
                absent = any(kind.__name__ == "NoKeyringError" for kind in type(problem).__mro__)
                failure = KeyringUnusable(f"The keyring failed: {_explain(problem, secret)}.", absent=absent)
            self._broken = failure
        raise failure

    def _backend(self) -> KeyringBackend:
        """The backend in use. Runs in the thread: importing and choosing one may talk to D-Bus."""
        import keyring  # only here: half of the start-up budget, and only where tokens are touched

        backend = keyring.get_keyring()
        kind = f"{type(backend).__module__}.{type(backend).__qualname__}"
        members = [f"{type(b).__module__}" for b in getattr(backend, "backends", [])]
        if "keyring.backends.null" in kind:
            raise KeyringUnusable("The keyring is switched off (null backend: it keeps nothing).", absent=True)
        if "keyring.backends.fail" in kind or ("chainer" in kind and not members):
            raise KeyringUnusable("There is no keyring on this machine.", absent=True)
        self._label = f"the keyring ({getattr(backend, 'name', kind)})"
        if "plaintext" in kind.lower() or any(m.startswith("keyrings.alt") for m in members):
            self._warning = f"The keyring in use ({kind}) keeps passwords in clear text."
        return backend


def _get(backend: KeyringBackend, entry: str) -> str | None:
    text = backend.get_password(SERVICE, entry)
    if text is None or not text.startswith(_PARTS_MARK):
        return text
    try:
        head = json.loads(text.removeprefix(_PARTS_MARK))
        names = _part_names(entry, str(head["id"]), int(head["count"]))
        whole = "".join(backend.get_password(SERVICE, name) or "" for name in names)
        if hashlib.sha256(whole.encode()).hexdigest() == head["sha256"]:
            return whole
    except (ValueError, KeyError, TypeError):
        pass
    return ""  # an entry that is there and cannot be put together: the reader sets it aside


def _put(backend: KeyringBackend, entry: str, text: str) -> None:
    old = _old_parts(backend, entry)
    whole = len(text) <= _LONGEST_ENTRY or "Windows" not in type(backend).__module__
    if whole:
        try:
            backend.set_password(SERVICE, entry, text)
        except Exception:
            # A long text that was refused may still fit in parts; a short one was refused for another reason.
            if len(text) <= _LONGEST_ENTRY:
                raise
            whole = False
    if not whole:
        _put_in_parts(backend, entry, text)
    _delete_names(backend, old)


def _put_in_parts(backend: KeyringBackend, entry: str, text: str) -> None:
    """The parts first, then the head that names them: a reader sees the old text or the new one, never a mix."""
    parts = [text[i : i + _PART] for i in range(0, len(text), _PART)]
    if len(parts) > _MOST_PARTS:
        raise KeyringUnusable(f"The tokens are too long for the keyring ({len(text)} characters).")
    mark = secrets.token_hex(4)
    for name, part in zip(_part_names(entry, mark, len(parts)), parts, strict=True):
        backend.set_password(SERVICE, name, part)
    head = {"id": mark, "count": len(parts), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    backend.set_password(SERVICE, entry, _PARTS_MARK + json.dumps(head))


def _delete(backend: KeyringBackend, entry: str) -> None:
    parts = _old_parts(backend, entry)
    if backend.get_password(SERVICE, entry) is not None:
        backend.delete_password(SERVICE, entry)
    _delete_names(backend, parts)


def _old_parts(backend: KeyringBackend, entry: str) -> list[str]:
    text = backend.get_password(SERVICE, entry)
    if text is None or not text.startswith(_PARTS_MARK):
        return []
    try:
        head = json.loads(text.removeprefix(_PARTS_MARK))
        return _part_names(entry, str(head["id"]), int(head["count"]))
    except (ValueError, KeyError, TypeError):
        return []


def _delete_names(backend: KeyringBackend, names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):  # a left-over part is not a token; the entry itself is what counts
            backend.delete_password(SERVICE, name)


def _part_names(entry: str, mark: str, count: int) -> list[str]:
    return [f"{entry} #{mark}.{i}" for i in range(min(count, _MOST_PARTS))]


def _explain(problem: BaseException, secret: str) -> str:
    text = one_line(str(problem), 160)
    if secret and (secret in str(problem) or (len(text) > 40 and any(c in text for c in '{"'))):
        text = ""  # some backends quote what they were given
    return f"{type(problem).__name__}{': ' + text if text else ''}"


async def _in_daemon_thread(call: Callable[[], _T]) -> _T:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, problem: BaseException | None) -> None:
        if future.done():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)

    def work() -> None:
        result: Any = None
        problem: BaseException | None = None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to the waiter, whatever it is
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=work, name="drio-tui keyring", daemon=True).start()
    outcome: _T = await future
    return outcome
