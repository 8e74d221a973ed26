"""Secrets at rest: sealed with AES-256-GCM, by a key in the operating system's keyring or a 0600 file.

`secret-key` in the data folder holds the key (base64), or the words `keyring ID` where the keyring has it.
It stays when the sandbox is reset, since the backup is read with it. Sandboxes that share a database are given one
key, by a file of its own (`--secret-key-file`). A sealed text is
`sealed:1:KEY-ID:BASE64(nonce + ciphertext)`; what it belongs to is authenticated with it, so that one cannot
be put in another's place.
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
from drio_tui.storage.files import NotOurs, private_dir, read_private, reason_of, write_private

FILE_NAME = "secret-key"
PREFIX = "sealed:"
_FORM = "sealed:1:"
_SERVICE = "drio-tui sandbox"
_KEYRING_SECONDS = 3.0
_NONCE = 12
_BYTES = 32


class SecretsUnavailable(StorageError):
    """The key cannot be had now, or is another one; nothing was lost, and nothing is stored unsealed."""

    title = "The sandbox cannot read its secrets"
    hint = "Unlock the keyring, or put the file secret-key back into the data folder, then try again."


class WrongKey(SecretsUnavailable):
    """A secret was sealed with another key than the one at hand."""

    hint = (
        "Put back the key that it was sealed with. Sandboxes that share a database need the same one: start each with "
        "--secret-key-file FILE."
    )


_MAKE_A_KEY = (
    f"A key is {_BYTES} bytes in base64: `(umask 077; openssl rand -base64 {_BYTES} > FILE)` makes one. For secrets "
    "that are there already, copy the file secret-key of the data folder that they were made with."
)


def is_sealed(text: str) -> bool:
    """Whether `text` was made by `Vault.seal`."""
    return text.startswith(PREFIX)


@lru_cache(maxsize=64)
def vault_in(folder: Path, key_file: Path | None = None) -> Vault:
    """The vault whose key belongs to a data folder, or is in `key_file`."""
    return Vault(folder, key_file)


class Vault:
    """Seals and unseals texts; its key is looked for when it is first needed, and kept in memory then.

    A `key_file` that a person names is only read; without one the key is made where there is none yet.
    """

    def __init__(self, folder: Path, key_file: Path | None = None) -> None:
        self._folder = folder
        self._is_given = key_file is not None
        self._file = key_file or folder / FILE_NAME
        self._key: bytes | None = None
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        return f"Vault({self._folder})"

    async def seal(self, text: str, about: str) -> str:
        """`text` sealed as belonging to `about`. Raises `SecretsUnavailable`."""
        key = await self._open()
        nonce = os.urandom(_NONCE)
        hidden = _cipher(key).encrypt(nonce, text.encode("utf-8", "surrogatepass"), about.encode())
        return f"{_FORM}{_id(key)}:{base64.urlsafe_b64encode(nonce + hidden).decode()}"

    async def check(self) -> None:
        """Make sure that the key can be had. Raises `SecretsUnavailable`."""
        await self._open()

    async def unseal(self, sealed: str, about: str) -> str:
        """The text again; one that was never sealed as it is. Raises `SecretsUnavailable`."""
        if not is_sealed(sealed):
            return sealed
        ident, _, body = sealed.removeprefix(_FORM).partition(":")
        key = await self._open()
        if not sealed.startswith(_FORM) or ident != _id(key):
            raise WrongKey(f"a secret was sealed with another key than the one of {self._file}")
        try:
            data = base64.urlsafe_b64decode(body)
        except binascii.Error:
            raise SecretsUnavailable("a sealed secret is damaged") from None
        from cryptography.exceptions import InvalidTag  # only who has secrets pays for it

        try:
            text: bytes = _cipher(key).decrypt(data[:_NONCE], data[_NONCE:], about.encode())
        except InvalidTag:
            raise SecretsUnavailable("a sealed secret is damaged, or stands in another's place") from None
        return text.decode("utf-8", "surrogatepass")

    async def _open(self) -> bytes:
        if self._key is None:
            self._key = await _within(self._find, _KEYRING_SECONDS)
        return self._key

    def _find(self) -> bytes:
        """The key, made if there is none yet. Blocking; in a thread that nobody waits for when it hangs."""
        with self._guard:
            if self._key is not None:
                return self._key
            try:
                told = read_private(self._file, limit=200).decode("ascii").strip()
            except FileNotFoundError:
                if self._is_given:
                    raise SecretsUnavailable(f"{self._file} does not exist", hint=_MAKE_A_KEY) from None
                return self._make()
            except (NotOurs, UnicodeDecodeError, OSError) as error:
                told = reason_of(error)
                hint = "The file has to be yours alone: chmod 600, no link." if self._is_given else None
                raise SecretsUnavailable(f"{self._file} cannot be used: {told}", hint=hint) from None
            if told.startswith("keyring") and not self._is_given:
                key = _decoded(_from_keyring(self._folder) or "")
                if key is None or _id(key) != told.removeprefix("keyring").strip():
                    raise SecretsUnavailable("the keyring does not give the sandbox's key")
                return key
            found = _decoded(told)
            if found is None:
                raise SecretsUnavailable(
                    f"{self._file} does not hold a key", hint=_MAKE_A_KEY if self._is_given else None
                )
            return found

    def _make(self) -> bytes:
        key = os.urandom(_BYTES)
        text = base64.urlsafe_b64encode(key).decode()
        kept = _into_keyring(self._folder, text)
        try:
            private_dir(self._folder) if not self._folder.is_dir() else None
            write_private(self._file, f"keyring {_id(key)}\n".encode() if kept else f"{text}\n".encode())
        except OSError as error:
            raise SecretsUnavailable(
                f"{self._file} cannot be written: {reason_of(error)}", hint="Check the data folder and the disk."
            ) from error
        return key


def _id(key: bytes) -> str:
    return hashlib.sha256(b"drio-tui sandbox key" + key).hexdigest()[:12]


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only who has secrets pays for it

    return AESGCM(key)


def _decoded(text: str) -> bytes | None:
    """The key of its base64, of either alphabet; None for anything else."""
    try:
        key = base64.b64decode(text.replace("+", "-").replace("/", "_"), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return key if len(key) == _BYTES else None


def _from_keyring(folder: Path) -> str | None:
    try:
        import keyring  # its backends take a while to find, and only secrets need it

        return keyring.get_password(_SERVICE, str(folder))
    except Exception as error:  # noqa: BLE001 - backends raise what they like; each means that the key is not to be had
        raise SecretsUnavailable(f"the keyring failed: {type(error).__name__}") from None


def _into_keyring(folder: Path, text: str) -> bool:
    """Whether the keyring has kept the key, as reading it back shows."""
    try:
        import keyring  # see above

        keyring.set_password(_SERVICE, str(folder), text)
        return keyring.get_password(_SERVICE, str(folder)) == text
    except Exception:  # noqa: BLE001 - backends raise what they like; each means that a file has to do
        return False


async def _within(work: Callable[[], bytes], seconds: float) -> bytes:
    """What `work` gives, in a thread of its own that cannot hold up the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()

    def settle(result: bytes | None, error: BaseException | None) -> None:
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
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="drio-vault", daemon=True).start()
    try:
        return await asyncio.wait_for(future, seconds)
    except TimeoutError:
        raise SecretsUnavailable("the keyring does not answer") from None
