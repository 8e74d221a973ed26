"""The endpoint of a sandbox in a separate process, and its deployments on the command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from tests import preloaded
from tests.sandbox_fixtures import SandboxProcess, kill_process, start_sandbox

pytestmark = pytest.mark.socket


def command(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run("sandbox", *arguments, "--data", str(data), text=True)


def deploy_twice(process: SandboxProcess) -> tuple[str, str]:
    """Deploy the example app with two descriptions of its first tool; return its id and its endpoint."""
    with process.client() as client:
        (app,) = client.get("/api/v1/apps").json()["apps"]
        base = f"/api/v1/apps/{app['id']}"
        first = client.get(f"{base}/tools").json()["tools"][0]
        endpoint = ""
        for description in ("One.", "Two."):
            client.patch(f"{base}/tools/{first['id']}", json={"description": description}).raise_for_status()
            endpoint = client.post(f"{base}/deploy").raise_for_status().json()["endpoint"]
    return app["id"], endpoint


async def first_description(endpoint: str) -> Any:
    async with Client(endpoint) as client:
        return (await client.list_tools()).tools[0].description


async def test_restore_and_deployments_commands_use_the_running_sandbox(tmp_path: Path) -> None:
    process = start_sandbox(tmp_path / "data")
    try:
        app, endpoint = deploy_twice(process)
        assert await first_description(endpoint) == "Two."
        done = command(tmp_path / "data", "restore", "acme-support", "--json")
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert (result["app"]["id"], result["app"]["version"], result["endpoint"]) == (app, "1.3.0", endpoint)
        assert await first_description(endpoint) == "One."
        listed = command(tmp_path / "data", "deployments", app)
        assert [line.split()[0] for line in listed.stdout.splitlines()] == ["1.3.0", "1.2.0", "1.1.0"]
        assert "again 1.1.0 (live)" in listed.stdout.splitlines()[0]
        missing = command(tmp_path / "data", "restore", "no-such-app")
        assert missing.returncode == 1
        assert "no-such-app" in missing.stderr
    finally:
        kill_process(process)


async def test_restore_command_works_without_a_running_sandbox(tmp_path: Path) -> None:
    process = start_sandbox(tmp_path / "data")
    _, endpoint = deploy_twice(process)
    kill_process(process)  # with SIGKILL
    done = command(tmp_path / "data", "restore", "acme-support", "--version", "1.1.0", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["endpoint"] == endpoint
    process = start_sandbox(tmp_path / "data")
    try:
        assert await first_description(process.base_url + endpoint[endpoint.index("/mcp/") :]) == "One."
    finally:
        kill_process(process)


async def test_log_of_a_call_contains_no_key_or_arguments(tmp_path: Path) -> None:
    process = start_sandbox(tmp_path / "data")
    try:
        _, endpoint = deploy_twice(process)
        async with Client(endpoint) as client:
            assert not (await client.call_tool("search-contacts", {"q": "ada"})).is_error
        assert process.stop() == 128 + 15
        log = process.stderr.read_text()
        assert "helpdesk_" not in log
        assert "q=ada" not in log
        assert "Traceback" not in log
    finally:
        kill_process(process)


async def test_private_upstreams_need_a_flag(tmp_path: Path, upstream: Any) -> None:
    import asyncio

    results = {}
    for flags in ((), ("--allow-private-egress",)):
        data = tmp_path / f"data{len(flags)}"
        process = await asyncio.to_thread(start_sandbox, data, *flags)
        try:
            endpoint = await asyncio.to_thread(_deploy_app_calling, process, upstream.base_url)
            async with Client(endpoint) as client:
                results[flags] = await client.call_tool("ask", {})
        finally:
            kill_process(process)
    assert "this machine" in results[()].content[0].text
    assert results["--allow-private-egress",].structured_content == {"ok": True}


def _deploy_app_calling(process: SandboxProcess, base_url: str) -> str:
    """Deploy an app with one tool that calls `base_url`; return its endpoint."""
    with process.client() as client:

        def create(path: str, body: dict[str, Any]) -> dict[str, Any]:
            (resource,) = client.post(f"/api/v1/apps{path}", json=body).raise_for_status().json().values()
            return dict(resource)

        app = create("", {"templateId": "blank", "name": "Private"})["id"]
        integration = create(f"/{app}/integrations", {"name": "API", "baseUrl": base_url})["id"]
        body = {"name": "Ask", "method": "GET", "path": "/"}
        operation = create(f"/{app}/integrations/{integration}/operations", body)["id"]
        binding = {"type": "integration_operation", "integrationOperationId": operation}
        create(f"/{app}/tools", {"name": "Ask", "binding": binding})
        return str(client.post(f"/api/v1/apps/{app}/deploy").raise_for_status().json()["endpoint"])
