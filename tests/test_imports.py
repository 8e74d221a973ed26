"""Imports: start-up loads nothing that it does not use, and packages import only what their contract allows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OPENED_LATER = {
    "pydantic",
    "drio_tui.openapi_import",
    "drio_tui.ui.editing.edit_screen",
    "drio_tui.ui.editing.model_view",
    "drio_tui.workspace.run.tool_run",
    "drio_tui.workspace.saving.saver",
}
"""What keys open from the first screens: importing it with them would delay them."""
HEAVY = {"textual", "httpx", "pydantic", "keyring", "drio_tui.sandbox", "drio_tui.ui"}


def loaded_by(module: str) -> set[str]:
    """The modules that are loaded in a new interpreter after importing `module`."""
    code = f"import sys, json, {module}\nprint(json.dumps([*sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("drio_tui.cli", HEAVY),
        ("drio_tui.text", HEAVY),
        ("drio_tui.storage.paths", HEAVY | {"platformdirs"}),
        ("drio_tui.settings", HEAVY),
        ("drio_tui.launcher", HEAVY),
        ("drio_tui.api.errors", HEAVY),
        ("drio_tui.api.resource_type", HEAVY),
        ("drio_tui.kinds", HEAVY),
        ("drio_tui.api.transport", HEAVY - {"httpx"}),
        ("drio_tui.api.client", HEAVY - {"httpx"}),
        ("drio_tui.api.models", HEAVY - {"pydantic"}),
        ("drio_tui.tool_calls.requests", HEAVY),
        ("drio_tui.tool_calls.credentials", HEAVY - {"httpx"}),
        ("drio_tui.auth", HEAVY - {"httpx"}),
        ("drio_tui.auth.bearer", HEAVY - {"httpx"}),
        ("drio_tui.session", HEAVY - {"httpx"}),
        ("drio_tui.workspace", HEAVY - {"httpx"}),
        ("drio_tui.endpoint", (HEAVY - {"httpx"}) | {"mcp", "httpx2"}),
        ("drio_tui.cli.manifest", HEAVY | {"yaml", "drio_tui.manifest"}),
        ("drio_tui.cli.plan", HEAVY - {"httpx"}),
        ("drio_tui.api.yaml_reader", HEAVY | {"yaml"}),
        ("drio_tui.manifest.pull", (HEAVY - {"pydantic", "httpx"}) | {"yaml"}),
        ("drio_tui.openapi_import", HEAVY),
        ("drio_tui.openapi_import.document", HEAVY | {"yaml", "openapi_spec_validator"}),
        ("drio_tui.openapi_import.worker", HEAVY | {"yaml", "openapi_spec_validator", "asyncio"}),
        ("drio_tui.ui.app.drio_app", {"drio_tui.sandbox", "httpx", "pydantic", "keyring"}),
        ("drio_tui.ui.app_detail.app_screen", OPENED_LATER | {"drio_tui.ui.app_detail.app_actions"}),
        ("drio_tui.ui.wizard.wizard_screen", OPENED_LATER | {"drio_tui.plan.executor"}),
        ("drio_tui.ui.wizard.template_page", OPENED_LATER),
    ],
)
def test_importing_a_module_does_not_load_unneeded_packages(module: str, unwanted: set[str]) -> None:
    if find_spec(module) is None:
        pytest.skip(f"{module} is not in this build")
    assert not loaded_by(module) & unwanted


def test_nothing_outside_the_ui_loads_textual() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "drio_tui").rglob("*.py"))
        if "ui" not in path.relative_to(ROOT).parts and path.name != "__main__.py"
    ]
    assert "drio_tui.api.transport" in modules
    code = (
        "import sys, json, importlib\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert 'textual' not in sys.modules, name\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize(
    ("library", "modules"),
    [
        ("httpx", ["drio_tui/api/http.py"]),
        # The HTTP library of the MCP SDK. Imports for types only are indented and not counted.
        ("httpx2", ["drio_tui/endpoint/http_client.py", "drio_tui/endpoint/sdk.py"]),
    ],
)
def test_http_libraries_are_imported_only_in_their_modules(library: str, modules: list[str]) -> None:
    import_statement = re.compile(rf"^(?:import|from) {library}\b", re.MULTILINE)
    importing = [path for path in (ROOT / "drio_tui").rglob("*.py") if import_statement.search(path.read_text())]
    assert sorted(path.relative_to(ROOT).as_posix() for path in importing) == modules


def test_import_contracts_hold() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
