"""Profiles: several hosts and accounts, in a file that may be damaged, read-only or shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drio_tui.api.errors import UsageError
from drio_tui.auth.profiles import Profile, Profiles, normalize_base_url
from tests.auth.conftest import User
from tests.auth.world import SignInServers

BASE = "https://getdrio.com/api/v1"


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("getdrio.com", BASE),
        (" https://getdrio.com ", BASE),
        ("https://getdrio.com/", BASE),
        ("https://getdrio.com/api", BASE),
        ("https://GetDrio.com:443/api/v1/", BASE),
        ("https://mcp.getdrio.com/api/v1", "https://mcp.getdrio.com/api/v1"),
        ("https://proxy.example/drio/v1", "https://proxy.example/drio/v1"),
        ("localhost:8000", "http://localhost:8000/api/v1"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/api/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/api/v1"),
        ("https://bücher.example", "https://xn--bcher-kva.example/api/v1"),
    ],
)
def test_typed_host_is_normalized_to_the_base_url(typed: str, base: str) -> None:
    """B65: one form per host."""
    assert normalize_base_url(typed) == base
    assert normalize_base_url(base) == base


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "http://getdrio.com",
        "http://127.0.0.1.evil.example",
        "http://0.0.0.0:8000",
        "ftp://getdrio.com",
        "https://user:pw@getdrio.com",
        "https://getdrio.com/?x=1",
        "https://getdrio.com/#x",
        "https://getdrio.com/../x",
        "https://get drio.com",
        "https://getdrio.com\\@evil.example",
        "https://getdrio.com:99999",
        "https://",
        "javascript:alert(1)",
        "https://a\x1b[2J.example",
    ],
)
def test_invalid_hosts_are_refused(typed: str) -> None:
    """B65 B06: plain http elsewhere, user names, queries, control characters."""
    with pytest.raises(UsageError) as caught:
        normalize_base_url(typed)
    assert "\x1b" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_several_hosts_and_accounts_are_stored() -> None:
    """B65: added, switched, removed, and read by the next run."""
    profiles = Profiles.load()
    profiles.add(Profile("work", BASE, "ada@example.com"))
    profiles.add(Profile("home", BASE, "bob@example.com"))
    profiles.add(Profile("box", "http://127.0.0.1:8000/api/v1"), make_current=False)
    again = Profiles.load()
    assert [p.name for p in again] == ["work", "home", "box"]
    assert again.current is not None
    assert again.current.name == "home"
    assert again.use("work").account == "ada@example.com"
    assert len({p.entry for p in again}) == 3
    again.remove("work")
    assert Profiles.load().current == again.get("home")
    with pytest.raises(UsageError):
        again.use("work")


def test_profiles_file_has_no_secrets_and_is_private() -> None:
    """B65: names, hosts, accounts; mode 0600."""
    profiles = Profiles.load()
    profiles.add(Profile("work", BASE, "ada@example.com", "user_1", "keyring", "client-x"))
    body = json.loads(profiles.path.read_text())
    assert set(body["profiles"][0]) == {"name", "baseUrl", "account", "accountId", "tokenStore", "client"}
    assert profiles.path.stat().st_mode & 0o777 == 0o600


async def test_same_account_replaces_its_profile(user: User, world: SignInServers) -> None:
    """B67: one profile, the newer tokens."""
    first = await user.sign_in()
    second = await user.sign_in()
    assert [p.name for p in user.profiles] == [first.profile.name]
    assert await user.store.load(first.profile, fresh=True) == second.tokens


async def test_another_account_gets_its_own_profile(user: User, world: SignInServers) -> None:
    """B67: both stay signed in, the newer is current."""
    ada = await user.sign_in()
    world.settings.account = "bob@example.com"
    bob = await user.sign_in()
    assert bob.profile.name != ada.profile.name
    assert user.profiles.current == bob.profile
    assert await user.store.load(ada.profile, fresh=True) == ada.tokens
    assert await user.store.load(bob.profile, fresh=True) == bob.tokens
    world.settings.account = "ada@example.com"
    again = await user.sign_in(ada.profile)
    assert again.profile.name == ada.profile.name
    assert len(user.profiles) == 2


async def test_a_named_profile_is_not_taken_over_by_another_account(user: User, world: SignInServers) -> None:
    """B67: `--profile work` stays Ada's; Bob gets a new profile and a notice."""
    work = user.profiles.resolve("work", world.base_url)
    await user.sign_in(work)
    world.settings.account = "bob@example.com"
    bob = await user.sign_in(user.profiles.resolve("work"))
    assert user.profiles.get("work").account == "ada@example.com"
    assert bob.profile.name == "work/bob@example.com"
    assert any("another account" in text for text in user.notices)


def test_resolve_by_name_host_and_default() -> None:
    """B65: `--profile`, `--base-url`, both, neither."""
    profiles = Profiles.load()
    assert profiles.resolve() == Profile("getdrio.com", BASE)
    profiles.add(Profile("work", BASE, "ada@example.com"))
    assert profiles.resolve().name == "work"
    assert profiles.resolve(base_url="getdrio.com").name == "work"
    assert profiles.resolve(base_url="localhost:1").base_url == "http://localhost:1/api/v1"
    assert profiles.resolve("new", "localhost:1") == Profile("new", "http://localhost:1/api/v1")
    assert profiles.resolve("new", new=True) == Profile("new", BASE)
    with pytest.raises(UsageError, match="no profile wrok"):
        profiles.resolve("wrok")
    with pytest.raises(UsageError):
        profiles.resolve("work", "localhost:1")
    with pytest.raises(UsageError):
        profiles.resolve("--x\x1b")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\x00\xff",
        b"[]",
        b"null",
        b'{"profiles": 3}',
        b'{"profiles": [3]}',
        b"[" * 100_000,
        b'{"profiles": [{"name": "x", "baseUrl": "http://evil.example"}]}',
        b'{"profiles": [{"name": 1}]}',
        b"x" * (2 << 20),
    ],
    ids=range(11),
)
def test_damaged_file_is_renamed_and_reported(content: bytes) -> None:
    """F43: the notice names the file, and its content is still there."""
    path = Profiles().path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    profiles = Profiles.load()
    assert len(profiles) == 0
    assert str(path) in profiles.notices[0]
    assert (path.parent / f"{path.name}.damaged-1").read_bytes() == content
    profiles.add(Profile("work", BASE))
    assert Profiles.load().get("work") is not None


def test_line_of_a_syntax_error_is_reported() -> None:
    """F43: file and line."""
    path = Profiles().path
    path.parent.mkdir(parents=True)
    path.write_text('{\n"profiles": [\n  oops\n]}')
    assert "line 3" in Profiles.load().notices[0]


def test_file_of_a_newer_version_is_left_unchanged() -> None:
    """F43: neither read nor overwritten."""
    path = Profiles().path
    path.parent.mkdir(parents=True)
    newer = b'{"version": 99, "profiles": []}'
    path.write_bytes(newer)
    profiles = Profiles.load()
    profiles.add(Profile("work", BASE))
    assert "newer" in profiles.notices[0]
    assert profiles.in_memory
    assert profiles.get("work") is not None
    assert path.read_bytes() == newer


@pytest.mark.parametrize("where", ["/proc/nowhere", "/dev/null/x", "/nonexistent-\0-x"])
def test_unwritable_folder_keeps_profiles_in_memory(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """F42: with a notice; the profile exists until the program exits."""
    path = Path(where) / "profiles.json"
    profiles = Profiles.load(path)
    profiles.add(Profile("work", BASE))
    assert profiles.in_memory
    assert profiles.current is not None
    assert profiles.notices
    profiles.add(Profile("home", BASE))
    assert [p.name for p in profiles] == ["work", "home"]


def test_profiles_added_by_another_process_are_kept() -> None:
    """F33: two programs, one file."""
    profiles = Profiles.load()
    profiles.add(Profile("work", BASE))
    code = (
        "from drio_tui.auth.profiles import Profile, Profiles\n"
        f"Profiles.load().add(Profile('other', {BASE!r}), make_current=False)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
    profiles.add(Profile("home", BASE))
    assert [p.name for p in Profiles.load()] == ["work", "other", "home"]
