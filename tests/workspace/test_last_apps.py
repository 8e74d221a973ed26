"""The list of apps that is kept for the next start: whose it is, and what is not kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.storage import paths
from drio_tui.workspace import last_apps
from drio_tui.workspace.model.snapshot import Resource


def app(id: str, **more: Any) -> Resource:
    return Resource("app", id, {"id": id, "name": id.title(), "slug": id, **more})


def test_a_list_is_kept_for_its_owner_with_unknown_properties_and_without_secrets() -> None:
    last_apps.save("me", "server", [app("one", unknown={"deep": [1, 2]}, apiToken="hush-hush")])
    kept = last_apps.load("me")
    assert kept is not None
    assert [resource.raw["unknown"] for resource in kept.apps] == [{"deep": [1, 2]}]
    assert "hush-hush" not in json.dumps([resource.raw for resource in kept.apps])
    assert last_apps.load("you") is None
    last_apps.forget_all()
    assert last_apps.load("me") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"owner":"me","apps":3}', '{"owner":"you","apps":[]}', "\x00"])
def test_a_damaged_file_is_no_list(content: str) -> None:
    last_apps.save("me", "server", [app("one")])
    (file,) = (paths.cache_dir() / "apps").iterdir()
    file.write_text(content)
    assert last_apps.load("me") is None


def test_a_long_list_replaces_a_short_one_by_nothing() -> None:
    last_apps.save("me", "server", [app("one")])
    last_apps.save("me", "server", [app(f"app{n}") for n in range(301)])
    assert last_apps.load("me") is None


def expected(**options: Any) -> str:
    return last_apps.expected_owner(**{"profile": None, "base_url": None, "sandbox": False, "data_dir": None} | options)


def test_the_owner_is_known_before_connecting_unless_a_token_may_be_of_anyone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert expected() == ""
    profiles = Profiles.load()
    profiles.add(Profile("work", "https://drio.example/api/v1", account="ada@drio.example"))
    profiles.add(Profile("new", "https://new.example/api/v1"))
    work = last_apps.profile_owner("work", "https://drio.example/api/v1", "ada@drio.example")
    assert expected(profile="work") == expected(base_url="https://drio.example") == work
    assert expected(profile="new") == ""
    assert expected(sandbox=True, data_dir=tmp_path) == last_apps.sandbox_owner(tmp_path)
    monkeypatch.setenv("DRIO_TOKEN", "a-token")
    assert expected(profile="work") == ""
