"""Imports large public OpenAPI documents, ten operations of each, and calls them through a deployed app.

    python scripts/import_real.py [--operations 10]

The documents are in packages that are downloaded into a temporary folder: GitHub's REST API (npm: @octokit/openapi,
13 MB of JSON, more than 1,000 operations) and Airflow's (PyPI: apache-airflow-core, YAML). For each document the number
of offered operations is compared with an independent count. For every operation that can be sent, two requests with
different values are built and compared with the oracle, which reads the document without the program's code
(tests/openapi_import/oracle.py). The operations with the most kinds of arguments are created on a sandbox, deployed and
called by the official MCP client; every request that the recording upstream gets is compared with the oracle too.
Exits with 1 at the first difference.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from drio_tui.openapi_import.parser import OpenApiParser
from drio_tui.tool_calls.requests import build
from tests.openapi_import.oracle import expected_request, operation_count
from tests.sandbox.mcp.conftest import served, upstream_at
from tests.sandbox.mcp.test_imported import import_and_call


def github(folder: Path) -> Path:
    """Download GitHub's document from its npm package and return its path."""
    command = ["npm", "pack", "@octokit/openapi", "--silent", "--pack-destination", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    (archive,) = folder.glob("octokit-openapi-*.tgz")
    with tarfile.open(archive) as files:
        member = files.extractfile("package/generated/api.github.com.json")
        assert member is not None
        path = folder / "api.github.com.json"
        path.write_bytes(member.read())
    return path


def airflow(folder: Path) -> Path:
    """Download Airflow's document from its wheel and return its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, "apache-airflow-core"], check=True, stderr=subprocess.DEVNULL)
    (wheel,) = folder.glob("apache_airflow_core-*.whl")
    with zipfile.ZipFile(wheel) as files:
        path = folder / "airflow.yaml"
        path.write_bytes(files.read("airflow/api_fastapi/core_api/openapi/v2-rest-api-generated.yaml"))
    return path


def compare(data: bytes, document: Any) -> tuple[int, int]:
    """Return how many requests are as the oracle expects, and for how many the oracle has no values."""
    equal = unknown = 0
    parser = OpenApiParser(data)
    for offered in parser.summaries():
        if offered.obstacle:
            continue
        operation = parser.detail(offered.id).operation
        for choice in (0, 1):
            try:
                expected = expected_request(document, offered.path, offered.method.lower(), choice)
            except ValueError:  # a pattern that none of the oracle's texts matches
                unknown += 1
                continue
            arguments = expected.arguments(operation["inputSchema"])
            request = build({"baseUrl": "https://api.example.com/base"}, operation, arguments)
            target = request.url.removeprefix("https://api.example.com")
            headers = {name.lower(): value for name, value in request.headers.items()}
            differences = expected.differences(request.method, target, headers, request.body or b"", "/base")
            assert differences == [], f"{offered.id}: {differences}"
            equal += 1
    return equal, unknown


async def run(operations: int, folder: Path) -> None:
    """Download, compare, import and call both documents."""
    (folder / "data").mkdir()
    async with (
        served(folder / "data", example_app=False, allow_private_egress=True) as sandbox,
        upstream_at() as upstream,
    ):
        for download in (github, airflow):
            path = await asyncio.to_thread(download, folder)
            document: Any = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
            equal, unknown = await asyncio.to_thread(compare, path.read_bytes(), document)
            print(f"{path.name}: {equal:,} requests are as the document says; {unknown} without values")
            start = time.perf_counter()
            ids = await import_and_call(sandbox, upstream, path, document, operations)
            seconds = time.perf_counter() - start
            size = path.stat().st_size / 1e6
            print(
                f"{path.name}: {size:.1f} MB, {operation_count(document):,} operations offered; "
                f"{len(ids)} called correctly:"
            )
            for id in ids:
                print(f"  {id}")
            print(f"  in {seconds:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options.operations, Path(folder)))


if __name__ == "__main__":
    main()
