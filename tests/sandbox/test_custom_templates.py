"""A document that was added to the templates of a sandbox: apps made of it are what the document says."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP
from drio_tui.manifest.document import read_document
from drio_tui.manifest.export import document_text
from drio_tui.manifest.form import to_document
from drio_tui.manifest.problems import BadDocument
from drio_tui.manifest.template import template_document
from drio_tui.manifest.validation import validate
from drio_tui.sandbox.catalogue import FOLDER, catalogue
from drio_tui.sandbox.custom_templates import TemplateRefused, add_template, remove_template
from drio_tui.workspace.model.loader import read_app
from tests.manifest.apps import documents, normal_form
from tests.manifest.test_validation import EXAMPLE
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcessSandbox, in_process
from tests.workspace.saving_world import Token

Object = dict[str, Any]


def data_dir_of(sandbox: InProcessSandbox) -> Path:
    folder: Path = sandbox.app.state.sandbox.settings.data_dir
    return folder


def stored_form(folder: Path, text: str, *, id: str = "", **environ: str) -> Object:
    """Return what is stored of the document with that text."""
    (folder / "drio.yaml").write_text(text, encoding="utf-8")
    return template_document(read_document(folder), environ, id=id)


async def exported(sandbox: InProcessSandbox, template: str) -> Object:
    """Make an app of a template; return its document form."""
    transport = Transport(f"{sandbox.base_url}/api/v1", auth=Token(sandbox.token), http=sandbox.transport)
    async with DrioClient(transport) as client:
        app = await client.create(APP, {"templateId": template, "name": "Mine"})
        return to_document(await read_app(client, app.model.id)).data


def without_identity(data: Object) -> Object:
    """Return a document without what the app gets when it is created, and what cannot travel: secrets."""
    app = {name: value for name, value in data["app"].items() if name not in ("slug", "name", "template")}
    text = json.dumps(data | {"app": app})
    result: Object = json.loads(text, object_hook=lambda value: {
        name: item for name, item in value.items() if not (isinstance(item, dict) and "$secret" in item)
    })  # fmt: skip
    result.pop("template", None)
    return result


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents())
async def test_an_app_made_of_a_document_is_exported_as_that_document(
    bare_sandbox: InProcessSandbox, tmp_path: Path, document: Object
) -> None:
    for connection in document["auth"].values():  # the sandbox sets it from the provider
        connection["config"] = {"type": "none"} | connection.get("config", {})
    for widget in document["widgets"].values():  # `validate` wants every action to say which tool it calls
        for action in widget.get("actions", ()):
            action.setdefault("target", widget["tool"])
    (tmp_path / "drio.yaml").write_text(document_text(document), encoding="utf-8")
    read = read_document(tmp_path)
    assume(
        all(problem.severity != "error" for problem in validate(read, {}))
    )  # a chain to a disabled tool, for example
    await add_template(data_dir_of(bare_sandbox), template_document(read, {}, id="mine"))
    assert without_identity(await exported(bare_sandbox, "mine")) == without_identity(normal_form(document))


async def test_a_template_is_offered_at_once_and_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    for is_first in (True, False):
        async with in_process(folder, example_app=False) as sandbox, sandbox.client() as http:
            api = Caller(http)
            if is_first:
                assert "acme-support" not in [
                    template["id"] for template in (await api("GET", "/templates"))["templates"]
                ]
                await add_template(folder, stored_form(tmp_path, EXAMPLE))
            listed = {template["id"]: template for template in (await api("GET", "/templates"))["templates"]}
            assert (await api("GET", "/templates/acme-support"))["template"] == listed["acme-support"]
            assert [tool["key"] for tool in listed["acme-support"]["tools"]] == ["search-contacts", "show-contact"]
            ids = (await http.get("/api/openapi.json")).json()["components"]["schemas"]["AppCreate"]
            assert "acme-support" in ids["properties"]["templateId"]["enum"]
    file = folder / FOLDER / "acme-support.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert remove_template(folder, "acme-support")
    assert not remove_template(folder, "acme-support")
    assert "acme-support" not in catalogue(folder)


async def test_secrets_are_left_to_be_filled_in(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    stored = stored_form(tmp_path, EXAMPLE, HELPDESK_KEY="s3cr3t-value", HELPDESK_URL="https://eu.example.com")
    assert "s3cr3t-value" not in json.dumps(stored)
    await add_template(data_dir_of(bare_sandbox), stored)
    data = await exported(bare_sandbox, "acme-support")
    assert data["auth"]["helpdesk-key"]["config"] == {"type": "apiKey", "in": "header", "name": "X-Api-Key"}
    assert data["integrations"]["helpdesk"]["baseUrl"] == "https://eu.example.com"
    async with bare_sandbox.client() as http:
        api = Caller(http)
        app = (await api("GET", "/apps"))["apps"][0]["id"]
        (connection,) = (await api("GET", f"/apps/{app}/auth"))["auth"]
    assert (connection["status"], connection["secretRef"]) == ("pending", None)


@pytest.mark.parametrize("secret", ['"abcdef-0123456789"', "{ $env: KEY }", "{ $file: key.txt }"])
def test_a_secret_in_plain_text_is_refused(tmp_path: Path, secret: str) -> None:
    (tmp_path / "key.txt").write_text("abcdef-0123456789\n")
    text = EXAMPLE.replace("{ $secret: HELPDESK_KEY }", secret)
    with pytest.raises(BadDocument) as caught:
        stored_form(tmp_path, text, KEY="abcdef-0123456789")
    assert [problem.code for problem in caught.value.problems] == ["plain_secret"]
    assert "abcdef" not in str(caught.value)


async def test_a_secret_that_only_its_provider_knows_is_refused(tmp_path: Path) -> None:
    connection = {"name": "B", "provider": "basic", "config": {"type": "basic", "username": "u", "password": "hunter2"}}
    document: Object = {
        "template": {"id": "b", "name": "B", "description": "", "category": ""},
        "auth": {"b": connection},
    }
    with pytest.raises(TemplateRefused, match=r"auth/b#config\.password") as caught:
        await add_template(tmp_path, document)
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("    primitive: data-table\n", "", "incomplete"),
        ("next: [show-contact]", "next: [nothing]", "unknown_reference"),
        ("path: /contacts/me", "path: 5", "schema"),
    ],
)
def test_a_document_of_which_no_app_can_be_made_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(BadDocument) as caught:
        stored_form(tmp_path, EXAMPLE.replace(old, new))
    assert code in [problem.code for problem in caught.value.problems]


async def test_what_the_sandbox_would_refuse_is_refused_when_it_is_added(tmp_path: Path) -> None:
    text = EXAMPLE.replace("provider: api-key", "provider: carrier-pigeon")
    with pytest.raises(TemplateRefused, match="there is no such provider"):
        await add_template(tmp_path / "sandbox", stored_form(tmp_path, text))
    assert not (tmp_path / "sandbox").exists()


async def test_built_in_templates_are_neither_replaced_nor_removed(tmp_path: Path) -> None:
    with pytest.raises(TemplateRefused, match="built-in"):
        await add_template(tmp_path / "sandbox", stored_form(tmp_path, EXAMPLE, id="support"))
    with pytest.raises(TemplateRefused, match="built-in"):
        remove_template(tmp_path / "sandbox", "support")


def test_a_file_that_is_no_template_is_left_out(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"template": {"id": "other"}}')):
        file = tmp_path / FOLDER / f"{name}.json"
        file.write_text(text)
        file.chmod(0o600)
    assert catalogue(tmp_path) == catalogue()


async def test_a_built_in_template_is_a_document_that_can_be_added(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    for template in catalogue().values():
        (tmp_path / "drio.json").write_text(json.dumps(template.document))
        stored = template_document(read_document(tmp_path), {}, id=f"my-{template.id}")
        added, replaced = await add_template(data_dir_of(bare_sandbox), stored)
        assert not replaced
        assert added.as_wire() == template.as_wire() | {"id": f"my-{template.id}"}
