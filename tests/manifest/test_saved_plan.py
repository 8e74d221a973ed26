"""A plan in a file: bound to its app, without secrets, carried out once whatever happens."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.kinds import APP, OPERATION, TOOL
from drio_tui.manifest.apply import Applied, Applier, NotApplicable, find_app_id, read_snapshot
from drio_tui.manifest.form import DocumentForm, to_document
from drio_tui.manifest.saved_plan import BadPlan, PlanFile, is_plan, read_plan, save_plan
from drio_tui.manifest.secret import NOT_GIVEN, Secret
from drio_tui.plan.state import StepState
from drio_tui.workspace.model.snapshot import Snapshot
from tests.manifest.test_apply import Author, author, new_app
from tests.wizard.conftest import Killed, KillingTransport

__all__ = ["author"]
Object = dict[str, Any]
SECRETS = {"KEY": "k-123-secret"}


async def save(author: Author, document: Object, path: Path, **options: Any) -> PlanFile:
    plan = await author.plan(document, **options)
    PlanFile(path, save_plan(plan, server="s", host="h", target="acme")).store()
    return read_plan(path)


async def apply_file(author: Author, path: Path, **secrets: str) -> Applied:
    """Apply a saved plan as another process does."""
    file = read_plan(path)
    assert not file.plan.finished
    app = await find_app_id(author.editor.client, file.plan.desired)
    snapshot, form = Snapshot(""), DocumentForm({})
    if app:
        snapshot = await read_snapshot(author.editor.client, app)
        form = to_document(snapshot)
    plan = file.plan.plan(snapshot, form, author.base).with_secrets(secrets)
    applier = Applier(
        author.editor.saver, plan, state=file.plan.state, group=file.plan.group, save=file.save, pause=0, parallel=1
    )
    applied = await applier.run()
    await file.end(finished=not applied.failed)
    return applied


def changed() -> Object:
    document = new_app()
    document["app"]["name"] = "Acme 2"
    document["auth"]["key"]["config"]["apiKey"] = Secret("KEY", NOT_GIVEN)
    document["auth"]["second"] = copy.deepcopy(document["auth"]["key"]) | {"name": "Second"}
    document["tools"] = {
        "search-contacts": document["tools"]["search-contacts"] | {"next": ["details", "third"]},
        "details": document["tools"]["show-contact"] | {"was": "show-contact"},
        "third": {"name": "Third", "binding": "helpdesk/show"},
    }
    document["widgets"] = {"card": {"name": "Card", "tool": "search-contacts", "primitive": "card"}}
    return document


async def test_a_plan_comes_back_from_its_file(author, tmp_path):
    """deck#1699: what a plan was asked to do, and nothing else, is what is applied."""
    await author.apply(new_app())
    path = tmp_path / "plan.json"
    plan = await author.plan(changed(), prune=True)
    file = await save(author, changed(), path, prune=True)
    assert file.plan.changes == plan.changes
    assert file.plan.desired == plan.desired
    assert file.plan.options == plan.options
    assert dict(file.plan.ids) == dict(plan.comparison.ids)
    assert is_plan(path)
    assert "k-123-secret" not in path.read_text()
    shown = json.loads(path.read_text())["plan"]
    assert shown["totals"] == {"create": 3, "update": 2, "rename": 1, "delete": 1, "conflict": 0}


async def test_a_plan_is_applied_once(author, tmp_path):
    """terraform#24078: the same saved plan applied twice made duplicates."""
    await author.apply(new_app())
    path = tmp_path / "plan.json"
    await save(author, changed(), path, prune=True)
    applied = await apply_file(author, path, **SECRETS)
    assert not applied.failed
    assert not applied.left
    assert read_plan(path).plan.finished
    assert "k-123-secret" not in path.read_text()
    # and where the end was not recorded, every step is done
    content = json.loads(path.read_text())
    content["progress"]["finished"] = False
    path.write_text(json.dumps(content))
    author.sent()
    assert not (await apply_file(author, path, **SECRETS)).failed
    assert not author.sent()


async def test_progress_is_appended_and_a_line_that_was_not_written_completely_is_ignored(author, tmp_path):
    path = tmp_path / "plan.json"
    file = await save(author, new_app(), path)
    steps = file.plan.state.steps
    steps["a"] = StepState("sent")
    await file.save()
    whole = path.read_bytes()
    steps["a"], steps["b"], file.plan.state.known["tool"] = StepState("done", made="t_1"), StepState("sent"), ["t_0"]
    await file.save()
    await file.save()
    assert path.read_bytes().startswith(whole)
    assert path.read_bytes().count(b"\n") == whole.count(b"\n") + 3
    with path.open("ab") as stream:
        stream.write(b'{"step": "b", "state": "do')
    assert is_plan(path)
    again = read_plan(path)
    assert again.plan.state == file.plan.state
    await again.save()
    assert json.loads(path.read_text())["progress"]["known"] == {"tool": ["t_0"]}
    path.unlink()
    steps["c"] = StepState("sent")
    with pytest.raises(BadPlan):
        await file.save()
    await file.save()
    assert read_plan(path).plan.state == file.plan.state


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("new", [False, True])
async def test_killed_at_any_request_and_applied_again(author, tmp_path, when, new):
    """Nothing twice, nothing lost."""
    document = changed() if new else new_app()
    document["app"]["template"] = "blank"
    for entry in document["auth"].values():
        entry["config"]["apiKey"] = Secret("KEY", "k-123-secret")
    for tool in document["tools"].values():
        tool.pop("was", None)
    if not new:
        await author.apply(document)
    path = tmp_path / "plan.json"
    await save(author, document if new else changed(), path, prune=True)
    inner, at = author.editor.network.inner, 1
    while True:  # each run gets one request further than the one before
        author.editor.network.inner = KillingTransport(inner, 2 if at % 3 == 0 else 1, when)
        try:
            applied = await apply_file(author, path, **SECRETS)
        except Killed:
            at += 1
            assert at < 60
        else:
            break
        finally:
            author.editor.network.inner = inner
    assert not applied.failed, [result.problem for result in applied.failed]
    assert not applied.left
    form = await author.form("acme")
    expected = document if new else changed()
    for section in ("tools", "widgets", "auth"):
        assert form.data[section].keys() == expected[section].keys()
    assert len([raw for raw in (await author.editor.client.list(APP)).items if raw["slug"].startswith("acme")]) == 2


async def test_a_plan_is_refused_when_the_app_has_moved_on(author, tmp_path):
    await author.apply(new_app())
    path = tmp_path / "plan.json"
    await save(author, changed(), path, prune=True)
    await author.by_hand(TOOL, "acme", "search-contacts", description="by hand")
    author.sent()
    with pytest.raises(NotApplicable, match=r"moved on since the plan was made: tools/search-contacts was changed$"):
        await apply_file(author, path, **SECRETS)
    assert not author.sent()


async def test_a_delete_is_refused_when_something_new_needs_what_is_deleted(author, tmp_path):
    document = new_app()
    document["integrations"]["billing"] = {"name": "Billing", "baseUrl": "https://b.example.com"}
    await author.apply(document)
    path = tmp_path / "plan.json"
    await save(author, new_app(), path, prune=True)
    form = await author.form("acme")
    app, parent = form.ids["app", "acme"], form.ids["integration", "billing"]
    body = {"name": "Pay", "method": "POST", "path": "/pay", "key": "pay"}
    await author.editor.client.create(OPERATION, body, app=app, parent=parent)
    author.sent()
    with pytest.raises(NotApplicable, match=r"moved on .*: integrations/billing/pay needs integrations/billing now$"):
        await apply_file(author, path, **SECRETS)
    assert not author.sent()


async def test_what_the_plan_does_not_change_may_change(author, tmp_path):
    await author.apply(new_app())
    path = tmp_path / "plan.json"
    document = new_app()
    document["widgets"]["table"]["name"] = "Contacts"
    await save(author, document, path)
    await author.by_hand(TOOL, "acme", "search-contacts", key="find", description="by hand")
    assert not (await apply_file(author, path)).failed


async def test_a_plan_for_a_new_app_is_refused_when_it_exists_now(author, tmp_path):
    path = tmp_path / "plan.json"
    await save(author, new_app(), path)
    await author.editor.client.create(APP, {"templateId": "blank", "name": "Other", "slug": "acme"})
    with pytest.raises(NotApplicable, match="the app acme exists now"):
        await apply_file(author, path, **SECRETS)


async def test_a_plan_holds_no_secret_that_the_document_has_itself(author, tmp_path):
    document = new_app()
    document["auth"]["key"]["config"]["apiKey"] = "typed-in-secret"
    with pytest.raises(Exception, match=r"auth/key#config\.apiKey is a secret, and a plan holds none"):
        await save(author, document, tmp_path / "plan.json")
    assert not (tmp_path / "plan.json").exists()


async def test_a_plan_with_conflicts_is_not_saved(author, tmp_path):
    await author.apply(new_app())
    await author.by_hand(TOOL, "acme", "search-contacts", name="By hand")
    with pytest.raises(NotApplicable):
        await save(author, new_app(), tmp_path / "plan.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "drio-tui plan", "version": 2}', "no"])
def test_other_files_are_no_plans(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(BadPlan):
        read_plan(path)
    with pytest.raises(BadPlan):
        read_plan(tmp_path / "missing.json")
    assert not is_plan(tmp_path / "missing.json")
