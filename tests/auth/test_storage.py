"""Where tokens are stored: the keyring, a private file, and moving between them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest

from drio_tui.auth.errors import StoreFailed
from drio_tui.auth.file_store import FileBackend
from drio_tui.auth.keyring_store import OsKeyringBackend
from drio_tui.auth.profiles import Profile
from drio_tui.auth.token_store import TokenStore
from drio_tui.storage import paths
from tests.auth.conftest import FakeClock, MemoryKeyring, token_set

PROFILE = Profile("work", "https://getdrio.com/api/v1", "ada@example.com")
UseKeyring = Callable[[Any], Any]


class Locked(MemoryKeyring):
    """A keyring that waits for the user until the test releases it."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.release.wait(60)
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.release.wait(60)
        super().set_password(service, username, password)


class Short(MemoryKeyring):
    """Takes at most 1280 characters, as Windows does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > 1280:
            raise OSError(1783, "CredWrite", "The stub received bad data.")
        super().set_password(service, username, password)


class Failing(MemoryKeyring):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    set_password = delete_password = get_password  # type: ignore[assignment]


def make_store(**options: Any) -> tuple[TokenStore, list[str]]:
    notices: list[str] = []
    return TokenStore(notice=notices.append, **options), notices


async def test_the_keyring_is_used_when_there_is_one(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B57: one entry, named after host and account; nothing on disk."""
    backend = use_keyring(MemoryKeyring())
    store, notices = make_store()
    tokens = token_set(clock)
    assert await store.save(PROFILE, tokens) == "keyring"
    assert list(backend.kept) == [("drio-tui", "https://getdrio.com/api/v1 ada@example.com")]
    assert await store.load(PROFILE, fresh=True) == tokens
    assert (await store.place(PROFILE))[0] == "keyring"
    assert not paths.state_dir().exists()
    assert notices == []


async def test_the_keyring_is_asked_once_per_account(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B57: later loads come from memory (each question may be a prompt on macOS)."""
    backend = use_keyring(MemoryKeyring())
    await make_store()[0].save(PROFILE, token_set(clock))
    backend.calls.clear()
    store, _ = make_store()
    for _ in range(5):
        await store.load(PROFILE)
    assert len(backend.calls) == 1


async def test_each_account_and_host_has_a_separate_entry(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B57 B65: two accounts, two hosts, three entries."""
    backend = use_keyring(MemoryKeyring())
    store, _ = make_store()
    for number, (base, account) in enumerate(
        [("https://a.example/api/v1", "ada"), ("https://a.example/api/v1", "bob"), ("https://b.example/api/v1", "ada")]
    ):
        await store.save(Profile("p", base, account), token_set(clock, access_token=f"at-{number}"))
    assert len(backend.kept) == 3


async def test_locked_keyring_times_out(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B58: with a notice; the event loop keeps running, and later calls do not wait again."""
    backend = use_keyring(Locked())
    notices: list[str] = []
    store = TokenStore(notice=notices.append, keyring=OsKeyringBackend(notices.append, limit=0.2))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    try:
        assert await store.save(PROFILE, token_set(clock)) == "file"
        assert ticks > 10
        await store.save(PROFILE, token_set(clock, access_token="at-second"))
        assert backend.asked == 1
    finally:
        ticking.cancel()
        backend.release.set()
    assert any("did not answer" in text and "locked" in text for text in notices)


async def test_keyring_time_limit_is_three_seconds() -> None:
    """B58: like the one of `gh`."""
    from drio_tui.auth import keyring_store

    assert keyring_store.LIMIT_SECONDS == 3.0


def test_hanging_keyring_does_not_keep_the_program_from_exiting(isolated: Any) -> None:
    """B58: the thread is a daemon; a process with a sleeping backend exits."""
    code = (
        "import asyncio, time, keyring.core\n"
        "from keyring.backend import KeyringBackend\n"
        "class Asleep(KeyringBackend):\n"
        "    priority = 1\n"
        "    def get_password(self, *a): time.sleep(600)\n"
        "    set_password = delete_password = get_password\n"
        "keyring.core._keyring_backend = Asleep()\n"
        "from drio_tui.auth.keyring_store import OsKeyringBackend\n"
        "from drio_tui.auth.errors import StoreFailed\n"
        "async def main():\n"
        "    try:\n"
        "        await OsKeyringBackend(print, limit=0.2).get('x')\n"
        "    except StoreFailed as e:\n"
        "        print('FAILED', e.message)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "FAILED" in done.stdout


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (keyring.errors.NoKeyringError("none"), "NoKeyringError"),
        (keyring.errors.InitError("Failed to unlock the collection: Prompt dismissed"), "Prompt dismissed"),
        (keyring.errors.KeyringLocked("locked"), "KeyringLocked"),
        (RuntimeError("org.freedesktop.DBus.Error.ServiceUnknown"), "DBus"),
        (OSError("socket"), "OSError"),
    ],
)
async def test_file_is_used_with_a_notice_when_the_keyring_fails(
    use_keyring: UseKeyring, clock: FakeClock, error: Exception, word: str
) -> None:
    """B59: the notice names the place."""
    use_keyring(Failing(error))
    store, notices = make_store()
    tokens = token_set(clock)
    assert await store.save(PROFILE, tokens) == "file"
    assert word in notices[0]
    assert "file" in notices[0]
    assert len(notices) == 1
    place, label = await store.place(PROFILE)
    assert place == "file"
    assert str(paths.state_dir()) in label
    assert await make_store()[0].load(PROFILE) == tokens


async def test_missing_keyring_is_reported_once_per_profile(clock: FakeClock) -> None:
    """B59: not again by each process that refreshes a token stored in the file."""
    first, notices = make_store()
    assert await first.save(PROFILE, token_set(clock)) == "file"
    assert len(notices) == 1
    later, notices = make_store()
    assert await later.save(replace(PROFILE, token_store="file"), token_set(clock)) == "file"
    assert notices == []


async def test_locked_keyring_is_reported_with_a_hint(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B58 B59: when tokens are stored in the file instead, and when the stored tokens cannot be read."""
    use_keyring(Failing(keyring.errors.KeyringLocked("Failed to unlock the collection!")))
    store, notices = make_store()
    await store.save(PROFILE, token_set(clock))
    advice = "Unlock the keyring, or `drio-tui login --insecure-storage`."
    assert notices[0].endswith(advice)
    store, notices = make_store()  # another process, which renews the token
    await store.save(replace(PROFILE, token_store="file"), token_set(clock))
    assert notices == []
    await store.delete(replace(PROFILE, token_store="file"))
    with pytest.raises(StoreFailed) as caught:
        await make_store()[0].load(PROFILE)
    assert caught.value.hint == advice


async def test_insecure_storage_does_not_touch_the_keyring(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B59: `--insecure-storage`, pinned in the profile for later runs."""
    backend = use_keyring(MemoryKeyring())
    store, notices = make_store(insecure=True)
    assert await store.save(PROFILE, token_set(clock)) == "file"
    pinned = Profile(PROFILE.name, PROFILE.base_url, PROFILE.account, pinned_file=True)
    assert await make_store()[0].load(pinned) == token_set(clock)
    assert backend.calls == []
    assert notices == []


async def test_token_file_is_created_private(clock: FakeClock) -> None:
    """B60: folder 0700, file 0600, whatever the umask."""
    old = os.umask(0)
    try:
        await make_store(insecure=True)[0].save(PROFILE, token_set(clock))
    finally:
        os.umask(old)
    path = FileBackend().path(PROFILE.entry)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "getdrio" not in path.name
    assert [p.name for p in path.parent.iterdir()] == [path.name]


async def test_links_and_readable_files_are_refused(clock: FakeClock, tmp_path: Any) -> None:
    """B60: a symbolic link, a file others can read, a folder that is a link."""
    store, _ = make_store(insecure=True)
    await store.save(PROFILE, token_set(clock))
    path = FileBackend().path(PROFILE.entry)
    path.chmod(0o644)
    with pytest.raises(StoreFailed, match="read by others"):
        await make_store(insecure=True)[0].load(PROFILE)
    target = tmp_path / "elsewhere"
    path.rename(target)
    target.chmod(0o600)
    path.symlink_to(target)
    with pytest.raises(StoreFailed, match="symbolic link"):
        await make_store(insecure=True)[0].load(PROFILE)
    notices: list[str] = []
    await TokenStore(insecure=True, notice=notices.append).save(PROFILE, token_set(clock, access_token="at-new"))
    assert "at-new" not in target.read_text()
    assert "symbolic link" in notices[0]


async def test_full_disk_keeps_the_old_file_and_the_tokens_in_memory(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B60 F40: the write fails, the old file is intact, and this run stays signed in."""
    store, notices = make_store(insecure=True)
    await store.save(PROFILE, token_set(clock))
    path = FileBackend().path(PROFILE.entry)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert await store.save(PROFILE, token_set(clock, access_token="at-new")) == "memory"
    assert path.read_bytes() == before
    assert "No space left" in notices[-1]
    loaded = await store.load(PROFILE, fresh=True)
    assert loaded is not None
    assert loaded.access_token == "at-new"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


async def test_long_tokens_are_split_for_a_keyring_with_a_size_limit(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B61: into parts of at most 1280 characters; they are joined, replaced and deleted together."""
    backend = use_keyring(Short())
    store, notices = make_store()
    tokens = token_set(clock, access_token="a" * 6000, refresh_token="r" * 3000)
    assert await store.save(PROFILE, tokens) == "keyring"
    assert max(len(v) for v in backend.kept.values()) <= 1280
    assert await make_store()[0].load(PROFILE) == tokens
    newer = token_set(clock, access_token="b" * 6000)
    await store.save(PROFILE, newer)
    assert await make_store()[0].load(PROFILE) == newer
    assert not any("a" * 100 in v for v in backend.kept.values())
    await store.delete(PROFILE)
    assert backend.kept == {}
    assert notices == []


async def test_missing_part_counts_as_damage(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B61 B62: detected by a digest."""
    backend = use_keyring(Short())
    await make_store()[0].save(PROFILE, token_set(clock, access_token="a" * 6000))
    part = next(name for name in backend.kept if name[1].endswith(".1"))
    del backend.kept[part]
    store, notices = make_store()
    assert await store.load(PROFILE) is None
    assert "damaged" in notices[0]


async def test_tokens_move_from_the_file_to_a_new_keyring(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B62: the file is deleted only after the tokens were read back from the keyring."""
    tokens = token_set(clock)
    await make_store(insecure=True)[0].save(PROFILE, tokens)
    path = FileBackend().path(PROFILE.entry)
    backend = use_keyring(MemoryKeyring())
    store, notices = make_store()
    assert await store.load(PROFILE) == tokens
    assert len(backend.kept) == 1
    assert not path.exists()
    assert "moved" in notices[0]
    assert (await store.place(PROFILE))[0] == "keyring"


async def test_file_is_kept_when_the_keyring_does_not_store_the_tokens(
    use_keyring: UseKeyring, clock: FakeClock
) -> None:
    """B62: the tokens read back are not the same."""

    class Forgetful(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            pass

    tokens = token_set(clock)
    await make_store(insecure=True)[0].save(PROFILE, tokens)
    use_keyring(Forgetful())
    store, _ = make_store()
    assert await store.load(PROFILE) == tokens
    assert FileBackend().path(PROFILE.entry).exists()
    assert (await store.place(PROFILE))[0] == "file"


async def test_newer_of_two_token_sets_is_used(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B62: tokens were refreshed into the file while the keyring was locked; the older ones in it are not used."""
    backend = use_keyring(MemoryKeyring())
    await make_store()[0].save(PROFILE, token_set(clock))
    clock.pass_time(200)
    newer = token_set(clock, access_token="at-newer")
    await make_store(insecure=True)[0].save(PROFILE, newer)
    assert await make_store()[0].load(PROFILE) == newer
    assert "at-newer" in next(iter(backend.kept.values()))


@pytest.mark.parametrize("damage", ["{", "", "[]", '{"access_token": 1}', "null"])
async def test_damaged_file_means_signed_out_and_is_set_aside(clock: FakeClock, damage: str) -> None:
    """B62: for the file."""
    await make_store(insecure=True)[0].save(PROFILE, token_set(clock))
    path = FileBackend().path(PROFILE.entry)
    path.write_text(damage)
    store, notices = make_store(insecure=True)
    assert await store.load(PROFILE) is None
    assert "Sign in again" in notices[0]
    assert path.with_name(path.name + ".damaged-1").read_text() == damage
    assert not path.exists()


async def test_damaged_keyring_entry_means_signed_out_and_is_set_aside(use_keyring: UseKeyring) -> None:
    """B62: for the keyring."""
    backend = use_keyring(MemoryKeyring())
    backend.kept["drio-tui", PROFILE.entry] = "{oops"
    store, notices = make_store()
    assert await store.load(PROFILE) is None
    assert "damaged" in notices[0]
    assert backend.kept == {("drio-tui", f"{PROFILE.entry} (damaged)"): "{oops"}


@pytest.mark.parametrize(
    ("backend", "word"),
    [(keyring.backends.null.Keyring(), "switched off"), (keyring.backends.fail.Keyring(), "no keyring")],
)
async def test_null_and_fail_backends_are_recognised(
    use_keyring: UseKeyring, clock: FakeClock, backend: Any, word: str
) -> None:
    """B63: loading from them is no error, and the file is used."""
    use_keyring(backend)
    store, notices = make_store()
    assert await store.load(PROFILE) is None
    assert await store.save(PROFILE, token_set(clock)) == "file"
    assert word in notices[0]


async def test_clear_text_keyring_gives_a_warning(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B63: `keyrings.alt`'s plaintext backend, recognised by its name."""

    class PlaintextKeyring(MemoryKeyring):
        __module__ = "keyrings.alt.file"

    use_keyring(PlaintextKeyring())
    store, notices = make_store()
    assert await store.save(PROFILE, token_set(clock)) == "keyring"
    assert "clear text" in notices[0]


async def test_keyring_backend_from_the_environment_is_used() -> None:
    """B63: `PYTHON_KEYRING_BACKEND`."""
    code = (
        "import asyncio\n"
        "from drio_tui.auth.token_store import TokenStore\n"
        "from drio_tui.auth.profiles import Profile\n"
        "print(asyncio.run(TokenStore().place(Profile('p', 'https://getdrio.com/api/v1'))))\n"
    )
    for name, place in (("tests.auth.conftest.MemoryKeyring", "keyring"), ("keyring.backends.null.Keyring", "file")):
        env = os.environ | {"PYTHON_KEYRING_BACKEND": name}
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60
        )
        assert done.stdout.startswith(f"('{place}'"), done.stderr


async def test_secret_in_a_backends_error_is_not_repeated(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B68: no token is in the notice, whatever a backend raises."""

    class Quoting(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise ValueError(f"cannot store {password!r}")

    use_keyring(Quoting())
    store, notices = make_store()
    await store.save(PROFILE, token_set(clock))
    assert notices
    assert not any("at-first" in text or "rt-first" in text for text in notices)


async def test_delete_removes_the_tokens_from_both_places(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B66: and verifies that they are gone."""
    backend = use_keyring(MemoryKeyring())
    await make_store(insecure=True)[0].save(PROFILE, token_set(clock))
    backend.kept["drio-tui", PROFILE.entry] = json.dumps(token_set(clock).to_json())
    store, _ = make_store()
    await store.delete(PROFILE)
    assert backend.kept == {}
    assert not FileBackend().path(PROFILE.entry).exists()
    assert await store.load(PROFILE) is None


async def test_failed_deletion_in_the_keyring_is_reported(use_keyring: UseKeyring, clock: FakeClock) -> None:
    """B66: the deletion is verified."""

    class Clinging(MemoryKeyring):
        def delete_password(self, service: str, username: str) -> None:
            pass

    use_keyring(Clinging())
    store, _ = make_store()
    await store.save(PROFILE, token_set(clock))
    with pytest.raises(StoreFailed, match="still holds"):
        await store.delete(PROFILE)


SECRET_SERVICE = """
import asyncio, sys
from jeepney import DBusAddress, message_bus
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection("SESSION")
bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.secrets"))
print("READY", flush=True)
while True:
    bus.receive()  # receives every call and answers none, like a locked keyring that waits for the user
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="there is no D-Bus on this machine")
@pytest.mark.parametrize("service", [True, False], ids=["locked for ever", "no secret service"])
async def test_unresponsive_secret_service_on_a_real_bus_times_out(
    clock: FakeClock, tmp_path: Any, service: bool
) -> None:
    """B58 B59: the Secret Service backend over a real session bus: locked, and missing."""
    code = (
        "import asyncio, subprocess, sys, time\n"
        "from drio_tui.auth.profiles import Profile\n"
        "from drio_tui.auth.token_store import TokenStore\n"
        "from drio_tui.auth.tokens import TokenSet\n"
        "tokens = TokenSet('at-x', 'c', 'https://i', 'https://i/t', 1.0)\n"
        "other = None\n"
        "if sys.argv[1] == 'True':\n"
        f"    other = subprocess.Popen([sys.executable, '-c', {SECRET_SERVICE!r}], stdout=subprocess.PIPE)\n"
        "    assert other.stdout.readline() == b'READY\\n'\n"
        "print(asyncio.run(TokenStore(notice=print).save(Profile('p', 'https://getdrio.com/api/v1'), tokens)))\n"
        "if other: other.kill(); other.wait()\n"
    )
    env = os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"}
    process = await asyncio.create_subprocess_exec(
        "dbus-run-session", "--", sys.executable, "-c", code, str(service),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    lines = out.decode().splitlines()
    assert lines, err
    assert lines[-1] == "file", err
    assert ("did not answer within 3 s" if service else "keyring failed") in lines[0]
