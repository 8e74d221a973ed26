"""Secrets at rest: sealed, with a key that the keyring has or a file of its owner's."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import pytest
from sqlalchemy import text, update

from drio_tui.sandbox.secrets import FILE_NAME, SecretsUnavailable, Vault, WrongKey, is_sealed, vault_in
from drio_tui.sandbox.tables import NoteRow, SecretRow
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcess, in_process

SECRET = "very-s3cret-token"


class Memory(keyring.backend.KeyringBackend):
    """A keyring that works, or is locked."""

    priority = 1  # type: ignore[assignment]  # the base class has a property of that name

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    backend = Memory()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


async def test_what_is_sealed_comes_back_and_does_not_show(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = await vault.seal(SECRET, "a")
    assert is_sealed(sealed)
    assert SECRET not in sealed
    assert await vault.seal(SECRET, "a") != sealed
    assert await Vault(tmp_path).unseal(sealed, "a") == SECRET
    assert SECRET not in repr(vault)


async def test_without_a_keyring_the_key_is_in_a_file_of_its_owners_only(tmp_path: Path) -> None:
    await Vault(tmp_path / "data").seal(SECRET, "a")
    assert stat.S_IMODE((tmp_path / "data" / FILE_NAME).stat().st_mode) == 0o600


async def test_with_a_keyring_the_key_is_there_and_not_in_the_folder(tmp_path: Path, memory: Memory) -> None:
    sealed = await Vault(tmp_path).seal(SECRET, "a")
    ((_, key),) = memory.kept.items()
    assert key not in (tmp_path / FILE_NAME).read_text()
    assert await Vault(tmp_path).unseal(sealed, "a") == SECRET


async def test_while_the_keyring_is_locked_nothing_is_read_and_no_other_key_is_made(
    tmp_path: Path, memory: Memory
) -> None:
    sealed = await Vault(tmp_path).seal(SECRET, "a")
    told = (tmp_path / FILE_NAME).read_bytes()
    memory.locked = True
    with pytest.raises(SecretsUnavailable):
        await Vault(tmp_path).unseal(sealed, "a")
    with pytest.raises(SecretsUnavailable):
        await Vault(tmp_path).seal(SECRET, "a")
    assert (tmp_path / FILE_NAME).read_bytes() == told
    memory.locked = False
    assert await Vault(tmp_path).unseal(sealed, "a") == SECRET


async def test_a_sealed_secret_counts_only_in_its_own_place_with_its_own_key(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "one")
    sealed = await vault.seal(SECRET, "a")
    with pytest.raises(SecretsUnavailable, match="another's place"):
        await vault.unseal(sealed, "b")
    with pytest.raises(SecretsUnavailable, match="another's place"):
        await vault.unseal(sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:], "a")
    with pytest.raises(SecretsUnavailable, match="another key"):
        await Vault(tmp_path / "two").unseal(sealed, "a")


async def test_a_key_file_open_to_others_or_spoiled_is_not_used(tmp_path: Path) -> None:
    sealed = await Vault(tmp_path).seal(SECRET, "a")
    (tmp_path / FILE_NAME).chmod(0o644)
    with pytest.raises(SecretsUnavailable, match="read by others"):
        await Vault(tmp_path).unseal(sealed, "a")
    (tmp_path / FILE_NAME).chmod(0o600)
    (tmp_path / FILE_NAME).write_text("nonsense")
    with pytest.raises(SecretsUnavailable, match="does not hold a key"):
        await Vault(tmp_path).unseal(sealed, "a")


async def connected(api: Caller) -> tuple[str, dict[str, Any]]:
    app = await api.app()
    return app, await api.new(app, "auth", name="A", providerKey="bearer", config={"token": SECRET})


def files_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_no_secret_stands_in_the_sandboxs_files(tmp_path: Path) -> None:
    async with in_process(tmp_path / "data") as box:
        async with box.client() as client:
            api = Caller(client)
            app, _ = await connected(api)
            await api("POST", f"/apps/{app}/deploy")
        upstream_key = box.app.state.sandbox.upstream_key
        while_open = files_of(tmp_path / "data")
    for found in (while_open, files_of(tmp_path / "data")):
        assert SECRET.encode() not in found
        assert upstream_key.encode() not in found


async def test_secrets_stored_plainly_before_are_sealed_at_the_next_start_and_wiped(tmp_path: Path) -> None:
    plain = f'{{"token":"{SECRET}"}}'
    async with in_process(tmp_path / "data", example_app=False) as box:
        async with box.client() as client:
            app, auth = await connected(Caller(client))
        key = box.app.state.sandbox.upstream_key
        async with box.database.session() as session:
            await session.execute(update(SecretRow).values(members=plain))
            await session.execute(update(NoteRow).where(NoteRow.name == "upstream_key").values(value=key))
    assert SECRET.encode() in files_of(tmp_path / "data")
    async with in_process(tmp_path / "data", example_app=False) as box:
        assert box.app.state.sandbox.upstream_key == key
        async with box.database.read() as session:
            (kept,) = (await session.execute(text("SELECT members FROM secrets"))).scalars()
        assert is_sealed(kept)
        async with box.client() as client:
            patched = await Caller(client)("PATCH", f"/apps/{app}/auth/{auth['id']}", {"name": "B"})
            assert (patched["auth"]["status"], patched["auth"]["secretRef"]) == ("valid", auth["secretRef"])
    assert SECRET.encode() not in files_of(tmp_path / "data")
    assert key.encode() not in files_of(tmp_path / "data")


async def test_a_sandbox_whose_key_is_out_of_reach_starts_and_says_what_fails(
    tmp_path: Path, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    async with in_process(tmp_path / "data") as box, box.client() as client:
        (app,) = (await Caller(client)("GET", "/apps"))["apps"]
    memory.locked = True
    vault_in.cache_clear()  # as in a new process
    async with in_process(tmp_path / "data") as box, box.client() as client:
        assert "Calls that sign in will fail" in caplog.text
        api = Caller(client)
        assert (await api("GET", "/apps"))["apps"] == [app]
        body = {"providerKey": "bearer", "name": "X", "config": {"token": "t"}}
        error = await api("POST", f"/apps/{app['id']}/auth", body, expect=503)
        assert "cannot read its secrets" in error["message"]
    memory.locked = False
    vault_in.cache_clear()
    async with in_process(tmp_path / "data") as box:
        assert box.app.state.sandbox.upstream_key.startswith("helpdesk_")


async def test_a_reset_keeps_the_key_that_its_backup_is_read_with(box: InProcess, tmp_path: Path) -> None:
    from drio_tui.sandbox.serve import reset

    folder = tmp_path / "other"
    async with in_process(folder):
        pass
    before = (folder / FILE_NAME).read_bytes()
    assert reset(folder).backup is not None
    assert (folder / FILE_NAME).read_bytes() == before


def key_file(folder: Path, text: str = "") -> Path:
    """A file with a key that was made by `openssl rand -base64 32`, or with `text`."""
    path = folder / "shared-key"
    path.write_text(text or base64.b64encode(bytes(range(220, 252))).decode() + "\n")
    path.chmod(0o600)
    return path


async def test_sandboxes_with_one_key_file_read_each_others_secrets(tmp_path: Path, memory: Memory) -> None:
    shared = key_file(tmp_path)
    sealed = await Vault(tmp_path / "one", shared).seal(SECRET, "a")
    assert await Vault(tmp_path / "two", shared).unseal(sealed, "a") == SECRET
    assert memory.kept == {}
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.chmod(0o640), "can be read by others"),
        (lambda path: path.write_text("keyring 0123456789ab"), "does not hold a key"),
        (lambda path: path.write_text("c2hvcnQ="), "does not hold a key"),
        (lambda path: path.rename(path.with_name("real")) and path.symlink_to("real"), "symbolic link"),
    ],
)
async def test_a_key_file_that_cannot_be_used_is_told_and_no_other_key_made(
    tmp_path: Path, spoil: Any, said: str
) -> None:
    shared = key_file(tmp_path)
    spoil(shared)
    with pytest.raises(SecretsUnavailable, match=said) as refused:
        await Vault(tmp_path / "data", shared).seal(SECRET, "a")
    assert str(shared) in refused.value.message
    assert "chmod 600" in refused.value.hint or "openssl" in refused.value.hint
    assert not (tmp_path / "data").exists()


async def test_a_sandbox_does_not_start_with_the_wrong_key_file(tmp_path: Path) -> None:
    shared = key_file(tmp_path)
    async with in_process(tmp_path / "data", secret_key_file=shared) as box, box.client() as client:
        await connected(Caller(client))
    shared.write_text(base64.b64encode(bytes(32)).decode())
    vault_in.cache_clear()
    with pytest.raises(WrongKey, match=str(shared)) as refused:
        async with in_process(tmp_path / "data", secret_key_file=shared):
            pass
    assert "--secret-key-file" in refused.value.hint


async def test_with_another_key_a_request_that_needs_a_secret_says_what_to_do(tmp_path: Path) -> None:
    async with in_process(tmp_path / "data") as box, box.client() as client:
        app, made = await connected(Caller(client))
    (tmp_path / "data" / FILE_NAME).unlink()
    vault_in.cache_clear()
    async with in_process(tmp_path / "data") as box, box.client() as client:
        error = await Caller(client)("PATCH", f"/apps/{app}/auth/{made['id']}", {"name": "B"}, expect=503)
    assert "sealed with another key" in error["message"]
    assert "--secret-key-file" in error["message"]
