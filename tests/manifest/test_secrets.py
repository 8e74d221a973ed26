"""No secret is in anything that is kept, shown or logged, with the secrets of every provider."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from drio_tui.api.curl import as_curl
from drio_tui.api.errors import ApiError
from drio_tui.api.secret_values import encoded_forms
from drio_tui.kinds import AUTH
from drio_tui.manifest.lock import FILE_NAME, read_base, write_base
from drio_tui.manifest.saved_plan import PlanFile, save_plan
from drio_tui.manifest.secret import NOT_GIVEN, Secret
from drio_tui.plan.changes import as_dict
from drio_tui.plan.render import as_markdown, plan_lines
from drio_tui.workspace.deploy.deploy_record import resources_of
from drio_tui.workspace.model.loader import read_app
from tests.manifest.test_apply import Author, author, new_app

__all__ = ["author"]
PROVIDERS: dict[str, dict[str, Any]] = {
    "custom-oauth": {
        "authorizationEndpoint": "https://a.example.com/authorize", "tokenEndpoint": "https://a.example.com/token",
        "clientId": "client", "clientSecret": Secret("OAUTH", "oauth-VERY-secret-1"),
    },
    "workos": {
        "authorizationEndpoint": "https://w.example.com/authorize", "tokenEndpoint": "https://w.example.com/token",
        "clientId": "client", "clientSecret": Secret("WORKOS", "workos-VERY-secret-2"),
    },
    "clerk": {
        "authorizationEndpoint": "https://c.example.com/authorize", "tokenEndpoint": "https://c.example.com/token",
        "clientId": "client", "clientSecret": Secret("CLERK", "clerk-VERY-secret-3"),
    },
    "api-key": {"name": "X-Key", "apiKey": Secret("KEY", "apikey-VERY-secret-4")},
    "bearer": {"token": Secret("TOKEN", "bearer-VERY-secret-5")},
    "basic": {"username": "me", "password": Secret("PASSWORD", "basic-VERY-secret-6")},
    "none": {},
}  # fmt: skip


def document() -> dict[str, Any]:
    auth = {
        provider: {"name": provider, "provider": provider, "config": copy.deepcopy(config)}
        for provider, config in PROVIDERS.items()
    }
    return new_app(auth=auth, integrations={}, tools={}, widgets={})


def files_below(folder: Path) -> str:
    return "".join(path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("write", [False, True])
async def test_no_secret_is_kept_shown_or_logged(author: Author, tmp_path: Path, write: bool) -> None:
    if write:
        await author.apply(document())
    plan = await author.plan(document(), write_secrets=("all",) if write else ())
    assert len(plan.changes) == (6 if write else 8)
    PlanFile(tmp_path / "plan.json", save_plan(plan, server="s", host="h")).store()
    applied = await author.apply(document(), write_secrets=("all",) if write else ())
    assert not applied.failed
    assert applied.base is not None
    write_base(tmp_path, "target", applied.base)
    form = await author.form("acme")
    view = plan.comparison.view("acme")
    texts = [
        json.dumps(form.data), as_markdown(view), json.dumps(as_dict(view)), repr(plan), repr(applied), repr(form),
        "".join(line.text for line in plan_lines(view)), repr(author.editor.exchanges),
        (tmp_path / "plan.json").read_text(), (tmp_path / FILE_NAME).read_text(),
        files_below(Path(os.environ["DRIO_STATE_DIR"])),
    ]  # fmt: skip
    for number, text in enumerate(texts):
        assert "VERY-secret" not in text, number
    base = read_base(tmp_path, "target")
    assert base is not None
    assert len(base.secrets) == 6
    assert len(form.write_only) == 6
    again = document()
    for entry in again["auth"].values():
        for name, value in entry["config"].items():
            if isinstance(value, Secret):
                entry["config"][name] = Secret(value.name, NOT_GIVEN)
    assert not (await author.plan(again)).changes


async def test_a_changed_secret_is_noted_for_every_provider(author: Author) -> None:
    await author.apply(document())
    other = document()
    expected = []
    for provider, entry in other["auth"].items():
        for name, value in entry["config"].items():
            if isinstance(value, Secret):
                entry["config"][name] = Secret(value.name, "another-secret")
                where = f"auth/{provider}#config.{name}"
                expected.append(
                    f"auth/{provider}: config.{name} was changed since it was sent; --write-secret {where} sends it."
                )
    plan = await author.plan(other)
    assert not plan.changes
    assert list(plan.comparison.notes) == expected
    assert len(expected) == 6


async def test_a_secret_of_an_ordinary_name_is_not_in_the_journal(author: Author) -> None:
    """A server may return it: only the document says that it is a secret."""
    app = new_app(auth={}, tools={}, widgets={})
    app["integrations"] = {"helpdesk": {"name": "Helpdesk", "baseUrl": "https://h.example.com"}}
    for number, options in enumerate(({}, {"write_secrets": ("all",)})):
        headers = {"X-Tenant": Secret("TENANT", f"tenant-VERY-secret-{number}"), "X-Plain": "plain"}
        app["integrations"]["helpdesk"]["config"] = {"headers": headers}
        applied = await author.apply(app, **options)
        assert not applied.failed
    journal = author.editor.saver.journal(applied.app)
    assert journal is not None
    entries = [entry for entry in journal.read().entries if entry.kind == "integration"]
    assert [(entry.what, entry.lost) for entry in entries] == [
        ("create", ("config.headers.X-Tenant",)), ("update", ("config.headers.X-Tenant",)),
    ]  # fmt: skip
    assert "'X-Plain': 'plain'" in str(entries[0].after)
    assert "VERY-secret" not in files_below(Path(os.environ["DRIO_STATE_DIR"])) + str([*map(asdict, entries)])


async def test_a_secret_of_an_ordinary_name_is_hidden_by_its_value(author: Author) -> None:
    """In the requests, in their curl commands, in errors, in deploy records, and in the journal of a delete."""
    secret, other = "tenant/VERY secret?é", "VERY secret, of another"
    app = new_app(auth={}, tools={}, widgets={})
    headers = {"X-Tenant": Secret("TENANT", secret), "X-Plain": "plain"}
    entry = {"name": "Helpdesk", "baseUrl": "https://h.example.com", "config": {"headers": headers}}
    app["integrations"] = {"helpdesk": entry | {"x-unknown": [Secret("OTHER", other)]}}
    applied = await author.apply(app)
    assert not applied.failed
    snapshot = await read_app(author.editor.client, applied.app)
    (integration,) = snapshot.resources("integration")
    assert secret in str(integration.raw)
    assert other in str(integration.raw)
    record = resources_of(snapshot)
    await author.apply(app | {"integrations": {}}, prune=True)
    assert not (await read_app(author.editor.client, applied.app)).resources("integration")
    with pytest.raises(ApiError) as raised:
        await author.editor.client.create(AUTH, {"name": "x", "providerKey": other}, app=applied.app)
    assert "HTTP" not in str(raised.value)
    exchanges = author.editor.exchanges
    texts = [*map(repr, exchanges), *(as_curl(exchange) for exchange in exchanges), str(record)]
    texts += [files_below(Path(os.environ["DRIO_STATE_DIR"])), str(raised.value), str(raised.value.field_errors)]
    assert sum("X-Plain" in text for text in texts) >= 5
    for form in (*encoded_forms(secret), *encoded_forms(other)):
        assert not [text for text in texts if form in text]
