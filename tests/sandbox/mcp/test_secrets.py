"""Secrets at rest: sealed with a key in the keyring or in a private file."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import pytest
from sqlalchemy import text, update

from drio_tui.sandbox.secrets import FILE_NAME, SecretCipher, SecretsUnavailable, WrongKey, cipher_for, is_sealed
from drio_tui.sandbox.tables import MetaRow, SecretRow
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcessSandbox, in_process

SECRET = "very-s3cret-token"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring in memory that can be locked."""

    priority = 1  # type: ignore[assignment]  # the base class has a property of that name

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    backend = MemoryKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


async def test_sealed_secret_can_be_unsealed_and_is_not_readable(tmp_path: Path) -> None:
    cipher = SecretCipher(tmp_path)
    sealed = await cipher.seal(SECRET, "a")
    assert is_sealed(sealed)
    assert SECRET not in sealed
    assert await cipher.seal(SECRET, "a") != sealed
    assert await SecretCipher(tmp_path).unseal(sealed, "a") == SECRET
    assert SECRET not in repr(cipher)


async def test_without_keyring_the_key_is_in_a_private_file(tmp_path: Path) -> None:
    await SecretCipher(tmp_path / "data").seal(SECRET, "a")
    assert stat.S_IMODE((tmp_path / "data" / FILE_NAME).stat().st_mode) == 0o600


async def test_with_keyring_the_key_is_not_in_the_folder(tmp_path: Path, memory: MemoryKeyring) -> None:
    sealed = await SecretCipher(tmp_path).seal(SECRET, "a")
    ((_, key),) = memory.passwords.items()
    assert key not in (tmp_path / FILE_NAME).read_text()
    assert await SecretCipher(tmp_path).unseal(sealed, "a") == SECRET


async def test_locked_keyring_raises_and_creates_no_other_key(tmp_path: Path, memory: MemoryKeyring) -> None:
    sealed = await SecretCipher(tmp_path).seal(SECRET, "a")
    content = (tmp_path / FILE_NAME).read_bytes()
    memory.locked = True
    with pytest.raises(SecretsUnavailable):
        await SecretCipher(tmp_path).unseal(sealed, "a")
    with pytest.raises(SecretsUnavailable):
        await SecretCipher(tmp_path).seal(SECRET, "a")
    assert (tmp_path / FILE_NAME).read_bytes() == content
    memory.locked = False
    assert await SecretCipher(tmp_path).unseal(sealed, "a") == SECRET


async def test_sealed_secret_is_bound_to_its_record_and_key(tmp_path: Path) -> None:
    cipher = SecretCipher(tmp_path / "one")
    sealed = await cipher.seal(SECRET, "a")
    with pytest.raises(SecretsUnavailable, match="another record"):
        await cipher.unseal(sealed, "b")
    with pytest.raises(SecretsUnavailable, match="another record"):
        await cipher.unseal(sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:], "a")
    with pytest.raises(SecretsUnavailable, match="another key"):
        await SecretCipher(tmp_path / "two").unseal(sealed, "a")


async def test_key_file_readable_by_others_or_damaged_is_refused(tmp_path: Path) -> None:
    sealed = await SecretCipher(tmp_path).seal(SECRET, "a")
    (tmp_path / FILE_NAME).chmod(0o644)
    with pytest.raises(SecretsUnavailable, match="read by others"):
        await SecretCipher(tmp_path).unseal(sealed, "a")
    (tmp_path / FILE_NAME).chmod(0o600)
    (tmp_path / FILE_NAME).write_text("nonsense")
    with pytest.raises(SecretsUnavailable, match="does not hold a key"):
        await SecretCipher(tmp_path).unseal(sealed, "a")


async def create_connection(api: Caller) -> tuple[str, dict[str, Any]]:
    """Create an app with an auth connection; return the app's id and the connection."""
    app = await api.create_app()
    return app, await api.create(app, "auth", name="A", providerKey="bearer", config={"token": SECRET})


def content_of(folder: Path) -> bytes:
    """Return the content of all files in a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_files_contain_no_secret(tmp_path: Path) -> None:
    async with in_process(tmp_path / "data") as sandbox:
        async with sandbox.client() as client:
            api = Caller(client)
            app, _ = await create_connection(api)
            await api("POST", f"/apps/{app}/deploy")
        upstream_key = sandbox.app.state.sandbox.upstream_key
        while_open = content_of(tmp_path / "data")
    for content in (while_open, content_of(tmp_path / "data")):
        assert SECRET.encode() not in content
        assert upstream_key.encode() not in content


async def test_plaintext_secrets_are_sealed_and_wiped_at_start(tmp_path: Path) -> None:
    plaintext = f'{{"token":"{SECRET}"}}'
    async with in_process(tmp_path / "data", example_app=False) as sandbox:
        async with sandbox.client() as client:
            app, auth = await create_connection(Caller(client))
        key = sandbox.app.state.sandbox.upstream_key
        async with sandbox.database.session() as session:
            await session.execute(update(SecretRow).values(members=plaintext))
            await session.execute(update(MetaRow).where(MetaRow.name == "upstream_key").values(value=key))
    assert SECRET.encode() in content_of(tmp_path / "data")
    async with in_process(tmp_path / "data", example_app=False) as sandbox:
        assert sandbox.app.state.sandbox.upstream_key == key
        async with sandbox.database.read() as session:
            (stored,) = (await session.execute(text("SELECT members FROM secrets"))).scalars()
        assert is_sealed(stored)
        async with sandbox.client() as client:
            patched = await Caller(client)("PATCH", f"/apps/{app}/auth/{auth['id']}", {"name": "B"})
            assert (patched["auth"]["status"], patched["auth"]["secretRef"]) == ("valid", auth["secretRef"])
    assert SECRET.encode() not in content_of(tmp_path / "data")
    assert key.encode() not in content_of(tmp_path / "data")


async def test_sandbox_starts_without_its_key_and_reports_what_fails(
    tmp_path: Path, memory: MemoryKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_process(tmp_path / "data") as sandbox, sandbox.client() as client:
        (app,) = (await Caller(client)("GET", "/apps"))["apps"]
    memory.locked = True
    cipher_for.cache_clear()  # as in a new process
    async with in_process(tmp_path / "data") as sandbox, sandbox.client() as client:
        assert "Calls that sign in will fail" in caplog.text
        api = Caller(client)
        assert (await api("GET", "/apps"))["apps"] == [app]
        body = {"providerKey": "bearer", "name": "X", "config": {"token": "t"}}
        error = await api("POST", f"/apps/{app['id']}/auth", body, expect=503)
        assert "cannot read its secrets" in error["message"]
    memory.locked = False
    cipher_for.cache_clear()
    async with in_process(tmp_path / "data") as sandbox:
        assert sandbox.app.state.sandbox.upstream_key.startswith("helpdesk_")


async def test_reset_keeps_the_key_of_the_backup(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    from drio_tui.sandbox.serve import reset

    folder = tmp_path / "other"
    async with in_process(folder):
        pass
    before = (folder / FILE_NAME).read_bytes()
    assert reset(folder).backup is not None
    assert (folder / FILE_NAME).read_bytes() == before


def key_file(folder: Path, text: str = "") -> Path:
    """Write a key file as `openssl rand -base64 32` creates it, or with `text`; return its path."""
    path = folder / "shared-key"
    path.write_text(text or base64.b64encode(bytes(range(220, 252))).decode() + "\n")
    path.chmod(0o600)
    return path


async def test_sandboxes_with_one_key_file_read_each_others_secrets(tmp_path: Path, memory: MemoryKeyring) -> None:
    shared = key_file(tmp_path)
    sealed = await SecretCipher(tmp_path / "one", shared).seal(SECRET, "a")
    assert await SecretCipher(tmp_path / "two", shared).unseal(sealed, "a") == SECRET
    assert memory.passwords == {}
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.chmod(0o640), "can be read by others"),
        (lambda path: path.write_text("keyring 0123456789ab"), "does not hold a key"),
        (lambda path: path.write_text("c2hvcnQ="), "does not hold a key"),
        (lambda path: path.rename(path.with_name("real")) and path.symlink_to("real"), "symbolic link"),
    ],
)
async def test_unusable_key_file_raises_and_creates_no_other_key(tmp_path: Path, damage: Any, message: str) -> None:
    shared = key_file(tmp_path)
    damage(shared)
    with pytest.raises(SecretsUnavailable, match=message) as refused:
        await SecretCipher(tmp_path / "data", shared).seal(SECRET, "a")
    assert str(shared) in refused.value.message
    assert "chmod 600" in refused.value.hint or "openssl" in refused.value.hint
    assert not (tmp_path / "data").exists()


async def test_sandbox_does_not_start_with_the_wrong_key_file(tmp_path: Path) -> None:
    shared = key_file(tmp_path)
    async with in_process(tmp_path / "data", secret_key_file=shared) as sandbox, sandbox.client() as client:
        await create_connection(Caller(client))
    shared.write_text(base64.b64encode(bytes(32)).decode())
    cipher_for.cache_clear()
    with pytest.raises(WrongKey, match=str(shared)) as refused:
        async with in_process(tmp_path / "data", secret_key_file=shared):
            pass
    assert "--secret-key-file" in refused.value.hint


async def test_request_that_needs_a_secret_of_another_key_returns_advice(tmp_path: Path) -> None:
    async with in_process(tmp_path / "data") as sandbox, sandbox.client() as client:
        app, connection = await create_connection(Caller(client))
    (tmp_path / "data" / FILE_NAME).unlink()
    cipher_for.cache_clear()
    async with in_process(tmp_path / "data") as sandbox, sandbox.client() as client:
        error = await Caller(client)("PATCH", f"/apps/{app}/auth/{connection['id']}", {"name": "B"}, expect=503)
    assert "sealed with another key" in error["message"]
    assert "--secret-key-file" in error["message"]
