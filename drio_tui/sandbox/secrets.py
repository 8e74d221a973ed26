"""Encryption of secrets at rest with AES-256-GCM, with a key in the operating system's keyring or a 0600 file.

The file `secret-key` in the data folder holds the key (base64), or `keyring ID` if the keyring has it. A reset
keeps it, since the backup cannot be read without it. Sandboxes that share a database need the same key, in a
separate file (`--secret-key-file`). A sealed text is `sealed:1:KEY-ID:BASE64(nonce + ciphertext)`. The record it
belongs to is its associated data (AEAD), so that one sealed text cannot replace another.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from drio_tui.sandbox.db import StorageError
from drio_tui.storage.files import NotPrivate, os_error_text, private_dir, read_private, write_private

FILE_NAME = "secret-key"
PREFIX = "sealed:"
_PREFIX_V1 = "sealed:1:"
_SERVICE = "drio-tui sandbox"
_KEYRING_SECONDS = 3.0
_NONCE_BYTES = 12
_KEY_BYTES = 32


class SecretsUnavailable(StorageError):
    """The key is unavailable or is not the right one; nothing was lost, and nothing is stored in plain text."""

    title = "The sandbox cannot read its secrets"
    hint = "Unlock the keyring, or put the file secret-key back into the data folder, then try again."


class WrongKey(SecretsUnavailable):
    """A secret was sealed with another key than the one that is available."""

    hint = (
        "Put back the key that it was sealed with. Sandboxes that share a database need the same one: start each with "
        "--secret-key-file FILE."
    )


_NEW_KEY_HINT = (
    f"A key is {_KEY_BYTES} bytes in base64: `(umask 077; openssl rand -base64 {_KEY_BYTES} > FILE)` makes one. "
    "For secrets that are there already, copy the file secret-key of the data folder that they were made with."
)


def is_sealed(text: str) -> bool:
    """Whether `text` was returned by `SecretCipher.seal`."""
    return text.startswith(PREFIX)


@lru_cache(maxsize=64)
def cipher_for(folder: Path, key_file: Path | None = None) -> SecretCipher:
    """Return the cipher with the key of a data folder, or with the key in `key_file`."""
    return SecretCipher(folder, key_file)


class SecretCipher:
    """Seals (encrypts) and unseals texts; the key is read when it is first needed, then kept in memory.

    A `key_file` that the user names is only read. Without one, the key is created if the folder has none.
    """

    def __init__(self, folder: Path, key_file: Path | None = None) -> None:
        self._folder = folder
        self._has_key_file = key_file is not None
        self._file = key_file or folder / FILE_NAME
        self._key: bytes | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SecretCipher({self._folder})"

    async def seal(self, text: str, associated_data: str) -> str:
        """Return `text` sealed for the record that `associated_data` names. Raises `SecretsUnavailable`."""
        key = await self._get_key()
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = _aes_gcm(key).encrypt(nonce, text.encode("utf-8", "surrogatepass"), associated_data.encode())
        return f"{_PREFIX_V1}{_key_id(key)}:{base64.urlsafe_b64encode(nonce + ciphertext).decode()}"

    def prepare(self) -> None:
        """Begin to read or create the key, since the keyring may take long; an error is raised once the key is used."""

        def read() -> None:
            with contextlib.suppress(Exception):
                self._read_or_create_key()

        threading.Thread(target=read, name="drio-secrets", daemon=True).start()

    async def check(self) -> None:
        """Make sure that the key is available. Raises `SecretsUnavailable`."""
        await self._get_key()

    async def unseal(self, sealed: str, associated_data: str) -> str:
        """Return the text that was sealed; a text that is not sealed as it is. Raises `SecretsUnavailable`."""
        if not is_sealed(sealed):
            return sealed
        key_id, _, body = sealed.removeprefix(_PREFIX_V1).partition(":")
        key = await self._get_key()
        if not sealed.startswith(_PREFIX_V1) or key_id != _key_id(key):
            raise WrongKey(f"a secret was sealed with another key than the one of {self._file}")
        try:
            data = base64.urlsafe_b64decode(body)
        except binascii.Error:
            raise SecretsUnavailable("a sealed secret is damaged") from None
        from cryptography.exceptions import InvalidTag  # imported only where there are secrets

        try:
            text: bytes = _aes_gcm(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], associated_data.encode())
        except InvalidTag:
            raise SecretsUnavailable("a sealed secret is damaged, or belongs to another record") from None
        return text.decode("utf-8", "surrogatepass")

    async def _get_key(self) -> bytes:
        return self._key or await _run_in_daemon_thread(self._read_or_create_key, _KEYRING_SECONDS)

    def _read_or_create_key(self) -> bytes:
        """Return the key, created if there is none yet. Blocking, and the keyring may hang: call it in a thread."""
        with self._lock:
            if self._key is None:
                self._key = self._find_or_create_key()
            return self._key

    def _find_or_create_key(self) -> bytes:
        try:
            content = read_private(self._file, limit=200).decode("ascii").strip()
        except FileNotFoundError:
            if self._has_key_file:
                raise SecretsUnavailable(f"{self._file} does not exist", hint=_NEW_KEY_HINT) from None
            return self._create_key()
        except (NotPrivate, UnicodeDecodeError, OSError) as error:
            hint = "The file has to be yours alone: chmod 600, no link." if self._has_key_file else None
            raise SecretsUnavailable(f"{self._file} cannot be used: {os_error_text(error)}", hint=hint) from None
        if content.startswith("keyring") and not self._has_key_file:
            key = _decode_key(_read_keyring(self._folder) or "")
            if key is None or _key_id(key) != content.removeprefix("keyring").strip():
                raise SecretsUnavailable("the keyring does not give the sandbox's key")
            return key
        key = _decode_key(content)
        if key is None:
            raise SecretsUnavailable(
                f"{self._file} does not hold a key", hint=_NEW_KEY_HINT if self._has_key_file else None
            )
        return key

    def _create_key(self) -> bytes:
        key = os.urandom(_KEY_BYTES)
        text = base64.urlsafe_b64encode(key).decode()
        in_keyring = _write_keyring(self._folder, text)
        try:
            private_dir(self._folder) if not self._folder.is_dir() else None
            write_private(self._file, f"keyring {_key_id(key)}\n".encode() if in_keyring else f"{text}\n".encode())
        except OSError as error:
            raise SecretsUnavailable(
                f"{self._file} cannot be written: {os_error_text(error)}", hint="Check the data folder and the disk."
            ) from error
        return key


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"drio-tui sandbox key" + key).hexdigest()[:12]


def _aes_gcm(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # imported only where there are secrets

    return AESGCM(key)


def _decode_key(text: str) -> bytes | None:
    """Return the key of a base64 text, in either alphabet; None for anything else."""
    try:
        key = base64.b64decode(text.replace("+", "-").replace("/", "_"), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return key if len(key) == _KEY_BYTES else None


def _read_keyring(folder: Path) -> str | None:
    try:
        import keyring  # slow to import (it looks for backends), and only needed for secrets

        return keyring.get_password(_SERVICE, str(folder))
    except Exception as error:  # noqa: BLE001 - backends raise any exception; each means that there is no key
        raise SecretsUnavailable(f"the keyring failed: {type(error).__name__}") from None


def _write_keyring(folder: Path, text: str) -> bool:
    """Store the key in the keyring; return whether it can be read back."""
    try:
        import keyring  # as in _read_keyring

        keyring.set_password(_SERVICE, str(folder), text)
        return keyring.get_password(_SERVICE, str(folder)) == text
    except Exception:  # noqa: BLE001 - backends raise any exception; each means that the key goes into the file
        return False


async def _run_in_daemon_thread(work: Callable[[], bytes], seconds: float) -> bytes:
    """Return what `work` returns, run in a daemon thread, which does not delay the exit of the process if it hangs.

    Raises `SecretsUnavailable` after so many seconds.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def set_result(result: bytes | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        elif result is not None:
            future.set_result(result)

    def run() -> None:
        result: bytes | None = None
        failure: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised again in the task that waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(set_result, result, failure)

    threading.Thread(target=run, name="drio-secrets", daemon=True).start()
    try:
        return await asyncio.wait_for(future, seconds)
    except TimeoutError:
        raise SecretsUnavailable("the keyring does not answer") from None
