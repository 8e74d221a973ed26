"""`plan`, `apply` and `drift`: exit codes, output and JSON."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests import preloaded
from tests.cli.conftest import AppOnSandbox, CommandResult, Runner, on_terminal
from tests.sandbox_fixtures import SandboxProcess, kill_process, start_sandbox

SECRET = "k-very-secret-123"


class Project:
    """A folder with a document in git, and the commands in it."""

    def __init__(self, folder: Path, run: Runner) -> None:
        self.folder, self._run = folder, run
        self.path = folder / "drio.json"

    def run(self, command: str, *arguments: str, **options: Any) -> CommandResult:
        return self._run(command, str(self.folder), *arguments, **options)

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())

    def write(self, document: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(document, indent=2))

    def edit(self, section: str, key: str, **values: Any) -> None:
        document = self.document
        document[section][key] |= values
        self.write(document)


@pytest.fixture
def project(tmp_path: Path, on_sandbox: Runner, app: AppOnSandbox) -> Project:
    """The exported document of an app of the template `support`."""
    project = Project(tmp_path / "app", on_sandbox)
    exported = on_sandbox("export", app.slug, "-o", str(project.folder), "--format", "json")
    assert exported.code == 0, exported.err
    return project


def test_an_exported_app_has_an_empty_plan(project: Project) -> None:
    result = project.run("plan", "--detailed-exitcode")
    assert (result.code, result.out.splitlines()[-1]) == (0, "Nothing to change.")
    assert project.run("apply").code == 0  # nothing to ask about


def test_a_change_is_planned_applied_and_recorded(project: Project, app: AppOnSandbox) -> None:
    project.edit("tools", "search-tickets", name="Find tickets", description="Line 1\nLine 2")
    planned = project.run("plan", "--detailed-exitcode")
    assert planned.code == 3
    assert "~ tool search-tickets\n    name: Search Tickets → Find tickets\n    description:\n" in planned.out
    assert planned.out.endswith("1 to change.\n")
    assert project.run("plan").code == 0
    refused = project.run("apply")
    assert (refused.code, app.list("tools")["search-tickets"]["name"]) == (2, "Search Tickets")
    assert "--yes" in refused.err
    applied = project.run("apply", "--yes")
    assert applied.code == 0, applied.err
    assert applied.out == "✓ [1/1] Change name, description of the tool search-tickets\n"
    assert "drio.lock.json records what was applied: keep it in git." in applied.err
    assert app.list("tools")["search-tickets"]["name"] == "Find tickets"
    assert project.run("plan", "--detailed-exitcode").code == 0
    assert project.run("drift").code == 0
    undone = project._run("undo", app.slug, "--yes")
    assert undone.code == 0, undone.err
    assert app.list("tools")["search-tickets"]["name"] == "Search Tickets"


def test_what_was_changed_in_drio_is_drift_and_a_conflict(project: Project, app: AppOnSandbox) -> None:
    assert project.run("apply", "--yes").code == 0
    tool = app.list("tools")["search-tickets"]
    app.patch(f"tools/{tool['id']}", {"name": "By hand"})
    drift = project.run("drift")
    assert drift.code == 3
    assert "~ tool search-tickets\n    name: Search Tickets → By hand\ndrio-tui --base-url " in drift.out
    assert f" pull {project.folder} brings the changes into the document" in drift.out
    assert drift.out.endswith("\n1 changed in drio.\n")
    assert project.run("drift", "--json").json["changes"][0]["fields"][0]["after"] == "By hand"
    planned = project.run("plan")
    assert planned.code == 1
    assert "! tool search-tickets\n    name: changed in drio since the last apply" in planned.out
    pull = f" pull {project.folder} --on-conflict drio` brings drio's values into the document; `drio-tui --base-url "
    assert pull in planned.out
    assert f" apply {project.folder} --on-conflict document` overwrites them in drio.\n" in planned.out
    refused = project.run("apply", "--yes")
    assert refused.code == 1
    assert "drio was changed since the last apply: tools/search-tickets" in refused.err
    assert pull in refused.err
    assert app.list("tools")["search-tickets"]["name"] == "By hand"
    before = project.document
    project.edit("tools", "search-tickets", name="Mine")
    pulled = project.run("pull")
    assert (pulled.code, pull in pulled.err) == (1, True), pulled
    assert project.run("pull", "--on-conflict", "drio").code == 0
    assert project.document["tools"]["search-tickets"]["name"] == "By hand"
    project.write(before)
    assert project.run("apply", "--yes", "--on-conflict", "document").code == 0
    assert app.list("tools")["search-tickets"]["name"] == "Search Tickets"


def test_a_key_changed_in_drio_is_drift_and_a_conflict_and_is_pulled(project: Project, app: AppOnSandbox) -> None:
    assert project.run("apply", "--yes").code == 0
    id = app.list("tools")["search-tickets"]["id"]
    app.patch(f"tools/{id}", {"key": "find-tickets"})
    drift = project.run("drift")
    assert (drift.code, "→ tool search-tickets → find-tickets" in drift.out) == (3, True)
    planned = project.run("plan")
    assert planned.code == 1
    assert "base: search-tickets\n        document: search-tickets\n        drio: find-tickets\n" in planned.out
    back = project.run("apply", "--yes", "--on-conflict", "document")
    assert back.code == 0, back.err
    assert app.list("tools")["search-tickets"]["id"] == id
    app.patch(f"tools/{id}", {"key": "find-tickets"})
    pulled = project.run("pull")
    assert pulled.code == 0, pulled.err
    assert "1 renamed." in pulled.out
    assert "find-tickets" in project.document["tools"]
    assert "search-tickets" not in [*project.document["tools"], *map(str, project.document["widgets"].values())]
    assert project.run("plan", "--detailed-exitcode").code == 0
    assert project.run("drift").code == 0


def test_an_undone_rename_is_a_change_in_drio(project: Project, app: AppOnSandbox) -> None:
    assert project.run("apply", "--yes").code == 0
    document = project.document
    for section in ("tools", "widgets"):
        text = json.dumps(document[section]).replace('"search-tickets"', '"find-tickets"')
        document[section] = json.loads(text)
    document["tools"]["find-tickets"]["was"] = "search-tickets"
    project.write(document)
    assert project.run("apply", "--yes").code == 0
    assert "find-tickets" in app.list("tools")
    assert project.run("plan", "--detailed-exitcode").code == 0
    assert project._run("undo", app.slug, "--yes").code == 0
    drift = project.run("drift")
    assert (drift.code, "→ tool find-tickets → search-tickets" in drift.out) == (3, True)
    assert project.run("plan").code == 1
    assert project.run("pull").code == 0
    assert "search-tickets" in project.document["tools"]
    assert "was" not in project.document["tools"]["search-tickets"]
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_a_slug_changed_in_drio_is_a_conflict_and_creates_nothing(
    project: Project, app: AppOnSandbox, tmp_path: Path
) -> None:
    assert project.run("apply", "--yes").code == 0
    slug = f"{app.slug}-x"
    app.client.patch(f"/api/v1/apps/{app.id}", json={"slug": slug}).raise_for_status()
    drift = project.run("drift")
    assert (drift.code, f"→ app {app.slug} → {slug}" in drift.out) == (3, True)
    planned = project.run("plan")
    assert (planned.code, "to create" in planned.out) == (1, False)
    assert f"drio: {slug}\n" in planned.out
    assert project.run("apply", "--yes").code == 1
    plan = tmp_path / "plan.json"
    assert project.run("plan", "--on-conflict", "document", "--out", str(plan)).code == 0
    back = project._run("apply", str(plan), "--yes")
    assert back.code == 0, back.err
    assert project.run("plan", "--detailed-exitcode").code == 0
    app.client.patch(f"/api/v1/apps/{app.id}", json={"slug": slug}).raise_for_status()
    assert project.run("pull").code == 0
    assert project.document["app"]["slug"] == slug
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_a_killed_apply_is_no_conflict_after_an_edit(
    project: Project, app: AppOnSandbox, sandbox_process: SandboxProcess
) -> None:
    assert project.run("apply", "--yes").code == 0
    keys = [*project.document["tools"]]
    for key in keys:
        project.edit("tools", key, description="First")
    arguments = ("apply", str(project.folder), "--yes", "--parallel", "1", "--base-url", sandbox_process.base_url)
    command = preloaded.popen(
        *arguments, env={"DRIO_TOKEN": sandbox_process.token}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert command.stdout
    assert b"[1/" in command.stdout.readline()
    command.kill()
    command.wait(20)
    command.stdout.close()
    sent = [key for key in keys if app.list("tools")[key].get("description") == "First"]
    assert sent
    for key in keys:
        project.edit("tools", key, description="Second")
    applied = project.run("apply", "--yes")
    assert applied.code == 0, applied.err
    assert {tool["description"] for tool in app.list("tools").values()} == {"Second"}
    assert "begun" not in (project.folder / "drio.lock.json").read_text()


@pytest.mark.parametrize("locked", [False, True])
def test_a_tool_disabled_by_hand_is_drift_where_the_document_counts_as_exact(
    project: Project, app: AppOnSandbox, locked: bool
) -> None:
    """An export leaves out defaults, so that the document says nothing about it."""
    if locked:
        assert project.run("apply", "--yes").code == 0
    assert project.run("drift", "--exact").code == 0
    app.patch(f"tools/{app.list('tools')['search-tickets']['id']}", {"isEnabled": False})
    assert project.run("drift").code == 0
    drift = project.run("drift", "--exact")
    assert drift.code == 3
    assert "~ tool search-tickets\n    isEnabled: (none) → false\n" in drift.out


def test_a_tool_enabled_by_hand_drifts_to_the_default(project: Project, app: AppOnSandbox) -> None:
    project.edit("tools", "search-tickets", isEnabled=False)
    assert project.run("apply", "--yes").code == 0
    app.patch(f"tools/{app.list('tools')['search-tickets']['id']}", {"isEnabled": True})
    assert "isEnabled: false → true\n" in project.run("drift").out


def test_a_property_that_is_no_longer_declared_stays_and_is_noted(project: Project) -> None:
    project.edit("tools", "search-tickets", isEnabled=False)
    assert project.run("apply", "--yes").code == 0
    document = project.document
    del document["tools"]["search-tickets"]["isEnabled"]
    project.write(document)
    planned = project.run("plan", "--detailed-exitcode")
    assert planned.code == 0
    assert "tool search-tickets: isEnabled is no longer declared and stays false.\n" in planned.out


def test_an_order_changed_in_drio_is_shown_and_pulled(project: Project, app: AppOnSandbox) -> None:
    assert project.run("apply", "--yes").code == 0
    keys = [*project.document["tools"]]
    app.patch(f"tools/{app.list('tools')[keys[0]]['id']}", {"order": 500})
    order = next(
        conflict for change in project.run("plan", "--json").json["changes"] for conflict in change["conflicts"]
    )
    assert (order["base"], order["document"], order["drio"]) == (keys, keys, [*keys[1:], keys[0]])
    for option, verb in (("--dry-run", "Would write"), ("--delete", "Wrote")):
        pulled = project.run("pull", option)
        assert pulled.code == 0
        assert pulled.out == f"No values differ. {verb} drio.json.\n"
        assert "The order of the tools was changed in drio: drio.json gets it, as $order in its tools." in pulled.err
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_an_applied_plan_is_refused_on_another_drio(
    project: Project, app: AppOnSandbox, on_sandbox: Runner, drio: Runner, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    project.edit("tools", "search-tickets", name="Find tickets")
    assert project.run("plan", "--out", str(plan)).code == 0
    assert on_sandbox("apply", str(plan), "--yes").code == 0
    other = start_sandbox(tmp_path / "other")
    try:
        refused = drio("apply", str(plan), "--yes", "--base-url", other.base_url, env={"DRIO_TOKEN": other.token})
        assert refused.code == 1
        assert json.loads(plan.read_text())["host"] in refused.err
        assert other.base_url in refused.err
    finally:
        kill_process(other)


def test_only_prune_deletes(project: Project, app: AppOnSandbox) -> None:
    document = project.document
    del document["widgets"]["ticket-list"]
    project.write(document)
    kept = project.run("plan")
    assert "left as it is: widgets/ticket-list" in kept.out
    assert project.run("apply", "--yes").code == 0
    assert "ticket-list" in app.list("widgets")
    pruned = project.run("apply", "--yes", "--prune", "--json")
    assert pruned.code == 0, pruned.err
    assert [result["about"] for result in pruned.json["results"]] == ["Delete the widget ticket-list"]
    assert pruned.json["plan"]["totals"]["delete"] == 1
    assert "ticket-list" not in app.list("widgets")


def test_a_saved_plan_is_applied_once_and_refused_when_the_app_moved_on(
    project: Project, app: AppOnSandbox, on_sandbox: Runner, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    project.edit("tools", "search-tickets", name="Find tickets")
    saved = project.run("plan", "--out", str(plan))
    assert saved.code == 0, saved.err
    assert f"apply {plan}` carries it out" in saved.err
    app.patch(f"tools/{app.list('tools')['search-tickets']['id']}", {"description": "By hand"})
    refused = on_sandbox("apply", str(plan), "--yes")
    assert (refused.code, app.list("tools")["search-tickets"]["name"]) == (1, "Search Tickets")
    assert "tools/search-tickets was changed" in refused.err
    document = project.document
    document["tools"]["search-tickets"]["description"] = "By hand"
    project.write(document)
    assert project.run("plan", "--out", str(plan)).code == 0
    applied = on_sandbox("apply", str(plan), "--yes")
    assert (applied.code, app.list("tools")["search-tickets"]["name"]) == (0, "Find tickets")
    assert (project.folder / "drio.lock.json").exists()
    again = on_sandbox("apply", str(plan), "--yes")
    assert (again.code, again.out) == (0, "")
    assert "applied already" in again.err
    deployed = on_sandbox("apply", str(plan), "--yes", "--deploy", "--json")  # as after a deploy that failed
    assert deployed.code == 0, deployed.err
    assert deployed.json["deploy"]["deployed"]
    assert (deployed.json["app"], deployed.json["results"]) == (app.id, [])


def test_a_saved_plan_is_applied_by_one_process_at_a_time(
    project: Project, app: AppOnSandbox, sandbox_process: SandboxProcess, on_sandbox: Runner, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    document = project.document
    document["tools"]["new"] = {"name": "New"}
    project.write(document)
    assert project.run("plan", "--out", str(plan)).code == 0
    others: list[CommandResult] = []
    arguments = ("apply", str(plan))
    code, output = on_terminal(
        sandbox_process, arguments, lambda: others.append(on_sandbox("apply", str(plan), "--yes"))
    )
    assert code == 0, output
    (other,) = others
    assert other.code == 1
    assert "is being applied by another process" in other.err
    assert [tool["name"] for tool in app.list("tools").values()].count("New") == 1


def test_markdown_and_json_have_the_plan(project: Project) -> None:
    project.edit("tools", "search-tickets", name="Find tickets")
    markdown = project.run("plan", "--markdown").out
    assert "**1 to change.**" in markdown
    assert "```diff\n~ tool search-tickets\n    name: Search Tickets → Find tickets\n```" in markdown
    value = project.run("plan", "--json").json
    assert value["totals"]["update"] == 1
    assert value["changes"][0] == {
        "action": "update", "kind": "tool", "name": "search-tickets",
        "fields": [{"path": ["name"], "before": "Search Tickets", "after": "Find tickets"}],
    }  # fmt: skip


def test_a_new_app_with_its_secret_is_created_and_deployed(
    tmp_path: Path, on_sandbox: Runner, project: Project
) -> None:
    slug = f"made-{uuid.uuid4().hex[:8]}"
    document = project.document
    document["app"] |= {"slug": slug, "template": "blank"}
    document["auth"]["helpdesk-key"]["config"]["apiKey"] = {"$secret": "HELPDESK_KEY"}
    project.write(document)
    planned = project.run("plan")  # needs no secret
    assert planned.code == 0, planned.err
    missing = project.run("apply", "--yes")
    assert (missing.code, missing.err.count("these secrets have no value: HELPDESK_KEY")) == (2, 1)
    secrets = tmp_path / "secrets"
    secrets.write_text(f"HELPDESK_KEY={SECRET}\n")
    applied = project.run("apply", "--yes", "--deploy", "--secrets", str(secrets), "--json")
    assert applied.code == 0, applied.err
    value = applied.json
    assert all(result["done"] for result in value["results"])
    assert value["deploy"]["deployed"]
    assert value["deploy"]["endpoint"]
    lock = (project.folder / "drio.lock.json").read_text()
    for text in (planned.out, planned.err, applied.out, applied.err, lock):
        assert SECRET not in text
    assert project.run("plan", "--detailed-exitcode").code == 0
    again = project.run("apply", "--yes", "--deploy", env={"HELPDESK_KEY": SECRET})
    assert again.code == 0, again.err
    changed = project.run("plan", env={"HELPDESK_KEY": "another"})
    assert "auth/helpdesk-key: config.apiKey was changed since it was sent" in changed.out


def test_deploy_only_after_a_clean_preflight(project: Project, app: AppOnSandbox) -> None:
    project.edit("tools", "search-tickets", binding=None)
    applied = project.run("apply", "--yes", "--deploy")
    assert applied.code == 1
    assert "Not deployed" in applied.err
    assert app.list("tools")["search-tickets"]["binding"] is None
    project.edit("tools", "search-tickets", name="Find tickets")
    as_json = project.run("apply", "--yes", "--deploy", "--json")
    assert as_json.code == 1
    assert (as_json.json["results"][0]["done"], as_json.json["deploy"]) == (True, None)
    assert as_json.error["title"] == "Not deployed"


def test_one_app_is_promoted_to_another(on_sandbox: Runner, app: AppOnSandbox, tmp_path: Path) -> None:
    slug = f"production-{uuid.uuid4().hex[:8]}"
    plan = tmp_path / "plan.json"
    planned = on_sandbox("plan", "--from", app.slug, "--to", slug, "--out", str(plan))
    assert planned.code == 0, planned.err
    assert f"+ app {slug}" in planned.out
    assert "It cannot travel: auth/helpdesk-key#config.apiKey" in planned.out
    assert on_sandbox("apply", str(plan), "--yes").code == 0
    tool = app.list("tools")["search-tickets"]
    app.patch(f"tools/{tool['id']}", {"name": "Find tickets", "description": None})
    planned = on_sandbox("plan", "--from", app.slug, "--to", slug, "--out", str(plan), "--json")
    assert [[field["path"] for field in change["fields"]] for change in planned.json["changes"]] == [
        [["name"], ["description"]]
    ]
    assert on_sandbox("apply", str(plan), "--yes").code == 0
    assert on_sandbox("plan", "--from", app.slug, "--to", slug, "--detailed-exitcode").code == 0


@pytest.mark.slow
def test_one_app_is_promoted_to_another_host(
    on_sandbox: Runner, drio: Runner, app: AppOnSandbox, sandbox_process: SandboxProcess, tmp_path: Path
) -> None:
    """The second is a sandbox with its data in a folder; the first is that of --base-url, then a folder as well."""
    other = start_sandbox(tmp_path / "production")
    on_other = {"DRIO_TOKEN": other.token}
    plan = tmp_path / "plan.json"
    target = f"acme@sandbox:{other.data_dir}"
    try:
        for source in (app.slug, f"{app.slug}@sandbox:{sandbox_process.data_dir}"):
            name = f"Find tickets {len(source)}"
            app.patch(f"tools/{app.list('tools')['search-tickets']['id']}", {"name": name})
            planned = on_sandbox("plan", "--from", source, "--to", target, "--prune", "--out", str(plan))
            assert planned.code == 0, planned.err
            assert "It cannot travel: auth/helpdesk-key#config.apiKey" in planned.out
            assert not [text for text in (sandbox_process.token, other.token) if text in plan.read_text()]
            refused = on_sandbox("apply", str(plan), "--yes")
            assert (refused.code, "the plan is for " in refused.err) == (1, True)
            applied = drio("apply", str(plan), "--yes", "--base-url", other.base_url, env=on_other)
            assert applied.code == 0, applied.err
            again = on_sandbox("plan", "--from", source, "--to", target, "--prune", "--detailed-exitcode")
            assert again.code == 0, again.out
            with other.client() as client:
                apps = client.get("/api/v1/apps").json()["apps"]
                (copied,) = [found for found in apps if found["slug"] == "acme"]
                tools = client.get(f"/api/v1/apps/{copied['id']}/config").json()["config"]["tools"]
            assert {tool["key"]: tool["name"] for tool in tools}["search-tickets"] == name
            assert {tool["id"] for tool in tools}.isdisjoint(tool["id"] for tool in app.list("tools").values())
    finally:
        kill_process(other)


def test_what_is_wrong_is_said_in_one_sentence(project: Project, on_sandbox: Runner, tmp_path: Path) -> None:
    assert on_sandbox("plan", "--from", "a").code == 2
    assert on_sandbox("apply", str(tmp_path / "nothing")).code == 1
    project.edit("tools", "search-tickets", binding="helpdesk/nothing")
    planned = project.run("plan")
    assert planned.code == 1
    line = next(n for n, text in enumerate(project.path.read_text().splitlines(), 1) if "helpdesk/nothing" in text)
    assert f"! drio.json:{line}:7: tools/search-tickets#binding: there is no operation helpdesk/nothing" in planned.out
    assert project.run("apply", "--yes").code == 1
    refused = project.run("apply", "--read-only", "--yes")
    assert (refused.code, "--read-only applies nothing" in refused.err) == (2, True)
    document = project.document
    document["app"]["slug"] = "nothing-there"
    project.write(document)
    assert "there is no app nothing-there" in project.run("drift").err


def test_a_bad_value_is_shown_with_its_place_before_any_request(project: Project, drio: Runner) -> None:
    project.edit("tools", "search-tickets", isEnabled="yes", name="Find")
    line = next(n for n, text in enumerate(project.path.read_text().splitlines(), 1) if '"isEnabled": "yes"' in text)
    for command in ("plan", "apply", "drift"):
        refused = drio(command, str(project.folder), "--base-url", "http://127.0.0.1:9")  # nobody listens there
        assert refused.code == 1
        assert f"drio.json:{line}:7: tools.search-tickets.isEnabled: It must be true or false." in refused.err


def test_hostile_text_reaches_no_terminal_and_no_markup(project: Project) -> None:
    hostile = "\x1b[2J\u202e<script>@everyone [x](y) ```\n# Heading"
    project.edit("tools", "search-tickets", name="a", description=hostile)
    document = project.document
    document["tools"]["search-tickets"]["binding"] = hostile
    project.write(document)
    for arguments in ((), ("--markdown",)):
        printed = project.run("plan", *arguments).out
        assert "\x1b" not in printed
        assert "\u202e" not in printed
    assert "\n# Heading" not in project.run("plan", "--markdown").out


def test_hints_name_the_drio_that_the_command_was_for(drio: Runner, background: Path, tmp_path: Path) -> None:
    box = ("--sandbox", "--data", str(background))
    to_box = f"drio-tui --sandbox --data {background}"
    assert drio("sandbox", "start", "--data", str(background)).code == 0
    created = drio(*box, "create", "--template", "support", "--name", "Ours", "--slug", "ours")
    assert created.err.endswith(f"Look at it: {to_box} inspect ours\n")
    project = Project(tmp_path / "app", lambda *words, **options: drio(*box, *words, **options))
    assert drio(*box, "export", "ours", "-o", str(project.folder), "--format", "json").code == 0
    project.edit("tools", "search-tickets", name="Find tickets")
    assert f"`{to_box} undo ours` takes it back." in project.run("apply", "--yes").err
    project.edit("tools", "search-tickets", name="Look for tickets")
    assert f"that are not applied: {to_box} plan {project.folder}" in project.run("drift").err
    out = tmp_path / "my copy.json"
    app = f"ours@sandbox:{background}"
    saved = drio("plan", "--from", app, "--to", app.replace("ours", "copy", 1), "--out", str(out))
    assert f"Saved: `{to_box} apply '{out}'` carries it out." in saved.err


def test_a_question_that_is_answered_with_no_ends_with_1(
    project: Project, app: AppOnSandbox, sandbox_process: SandboxProcess
) -> None:
    project.edit("tools", "search-tickets", name="Find tickets")
    for command in (
        ("apply", str(project.folder)),
        ("set", app.slug, "tools", "search-tickets", "name=x"),
        ("delete", app.slug, "tools", "search-tickets", "--detach"),
    ):
        code, output = on_terminal(sandbox_process, command, answer="n")
        assert (code, output.splitlines()[-1]) == (1, "Nothing was changed."), output
    assert app.list("tools")["search-tickets"]["name"] == "Search Tickets"
