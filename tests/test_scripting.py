"""The examples of docs/scripting.md do what the page says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked_command import command_folder
from tests.sandbox_fixtures import SandboxProcess, kill_process, start_sandbox

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scripting.md"
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
PROLOGUE = """set -euo pipefail
drio-tui() { command drio-tui --base-url "$DRIO_URL" "$@"; }
"""


@pytest.fixture(scope="module")
def example_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox with the example app, which the examples change one after the other."""
    process = start_sandbox(tmp_path_factory.mktemp("examples") / "sandbox")
    yield process
    kill_process(process)


def run_shell(example: str, process: SandboxProcess, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", PROLOGUE + example],
        env={**os.environ, "PATH": path, "DRIO_TOKEN": process.token, "DRIO_URL": process.base_url},
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
def test_the_examples_run_in_the_order_of_the_page(example_sandbox: SandboxProcess) -> None:
    assert len(EXAMPLES) > 5
    with command_folder() as folder:
        for example in EXAMPLES:
            done = run_shell(example, example_sandbox, folder)
            assert done.returncode == 0, f"{example}\n{done.stdout}\n{done.stderr}"
            assert "not-a-real-key" not in done.stdout + done.stderr
    with example_sandbox.client() as client:
        app = next(app for app in client.get("/api/v1/apps").json()["apps"] if app["slug"] == "acme-support")
        config = client.get(f"/api/v1/apps/{app['id']}/config").json()["config"]
    tools = {tool["key"]: tool for tool in config["tools"]}
    assert tools["search-contacts"]["description"] == tools["search-tickets"]["description"]
    assert tools["add-note"]["name"] == "Add a note"
    assert (
        tools["add-note"]["annotations"] | {"readOnlyHint": False, "title": "Add a note"}
        == tools["add-note"]["annotations"]
    )
    assert all(tool["isEnabled"] for tool in tools.values())
    assert app["companyUrl"] is None
    assert app["description"] == "Support copilot"
