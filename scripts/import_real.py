"""Import public OpenAPI documents of real size, ten operations of each, and call them through a deployed app.

    python scripts/import_real.py [--operations 10]

The documents are shipped inside registry packages, which are fetched into a temporary folder: GitHub's REST API
(npm: @octokit/openapi, 13 MB of JSON, more than 1,000 operations) and Airflow's (PyPI: apache-airflow-core, YAML).
For each: as many operations are offered as the document has, counted independently; for every one that can be sent
the request is made, once for each of two alternatives of its values, and held against what the document says, found
without the program's code (tests/openapi_import/oracle.py). Those with most kinds of arguments are created on a sandbox
with a listening socket, deployed, and called by the official MCP client; every request that the recording upstream
gets is held against the same. Exits 1 at the first difference.
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
from tests.openapi_import.oracle import count, wanted
from tests.sandbox.mcp.conftest import served, upstream_at
from tests.sandbox.mcp.test_imported import imported


def github(folder: Path) -> Path:
    """GitHub's document, out of its npm package."""
    command = ["npm", "pack", "@octokit/openapi", "--silent", "--pack-destination", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    (archive,) = folder.glob("octokit-openapi-*.tgz")
    with tarfile.open(archive) as files:
        found = files.extractfile("package/generated/api.github.com.json")
        assert found is not None
        path = folder / "api.github.com.json"
        path.write_bytes(found.read())
    return path


def airflow(folder: Path) -> Path:
    """Airflow's document, out of its wheel."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, "apache-airflow-core"], check=True, stderr=subprocess.DEVNULL)
    (wheel,) = folder.glob("apache_airflow_core-*.whl")
    with zipfile.ZipFile(wheel) as files:
        path = folder / "airflow.yaml"
        path.write_bytes(files.read("airflow/api_fastapi/core_api/openapi/v2-rest-api-generated.yaml"))
    return path


def compare(data: bytes, document: Any) -> tuple[int, int]:
    """How many requests were made and are what the document says, and for how many the oracle found no value."""
    same = unknown = 0
    reading = OpenApiParser(data)
    for one in reading.offered():
        if one.obstacle:
            continue
        made = reading.detail(one.id).operation
        for choice in (0, 1):
            try:
                request = wanted(document, one.path, one.method.lower(), choice)
            except ValueError:  # a pattern that none of its texts fits
                unknown += 1
                continue
            sent = build({"baseUrl": "https://api.example.com/base"}, made, request.arguments(made["inputSchema"]))
            target = sent.url.removeprefix("https://api.example.com")
            headers = {name.lower(): value for name, value in sent.headers.items()}
            different = request.differences(sent.method, target, headers, sent.body or b"", "/base")
            assert different == [], f"{one.id}: {different}"
            same += 1
    return same, unknown


async def run(most: int, folder: Path) -> None:
    """Both documents, one after the other."""
    (folder / "data").mkdir()
    async with served(folder / "data", example_app=False, allow_private_egress=True) as box, upstream_at() as upstream:
        for fetch in (github, airflow):
            path = await asyncio.to_thread(fetch, folder)
            document: Any = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
            same, unknown = await asyncio.to_thread(compare, path.read_bytes(), document)
            print(f"{path.name}: {same:,} requests are what it says; no values at hand for {unknown}")
            began = time.perf_counter()
            ids = await imported(box, upstream, path, document, most)
            taken = time.perf_counter() - began
            size = path.stat().st_size / 1e6
            print(f"{path.name}: {size:.1f} MB, {count(document):,} operations offered; {len(ids)} called as it says:")
            for id in ids:
                print(f"  {id}")
            print(f"  in {taken:.1f} s")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--operations", type=int, default=10)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(given.operations, Path(folder)))


if __name__ == "__main__":
    main()
