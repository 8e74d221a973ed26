"""The management API with PostgreSQL, where writers run concurrently."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drio_tui.sandbox.secrets import WrongKey
from tests.sandbox.conftest import Caller, token_of
from tests.sandbox.postgres import postgres_url  # noqa: F401 - a fixture
from tests.sandbox_fixtures import InProcessSandbox, in_process

pytestmark = pytest.mark.slow


@pytest.fixture
async def shared(postgres_url: str, tmp_path: Path) -> AsyncIterator[InProcessSandbox]:  # noqa: F811 - imported above
    async with in_process(tmp_path, database_url=postgres_url) as sandbox:
        yield sandbox
        await sandbox.database.drop_all()


async def test_app_is_created_changed_and_deployed(shared: InProcessSandbox) -> None:
    async with shared.client() as client:
        api = Caller(client)
        app = (await api("GET", "/apps"))["apps"][0]
        assert app["name"] == "Acme Support"
        config = (await api("GET", f"/apps/{app['id']}/config"))["config"]
        for kind in ("tools", "widgets"):
            assert config[kind] == (await api("GET", f"/apps/{app['id']}/{kind}"))[kind]
        tool = config["tools"][0]
        text = "nul \0 and 10 kB " + "x" * 10_000
        assert (await api("PATCH", f"/apps/{app['id']}", {"more": [text]}))["app"]["more"] == [text]
        body = b'{"more": "half a pair \\ud800"}'
        headers = {"Content-Type": "application/json"}
        response = await client.patch(f"/api/v1/apps/{app['id']}", content=body, headers=headers)
        assert b'"half a pair \\ud800"' in response.content
        await api("DELETE", f"/apps/{app['id']}/tools/{tool['id']}", expect=409)
        operation = config["operations"][0]
        await api("PATCH", f"/apps/{app['id']}/operations/{operation['id']}", {"path": "/moved"})
        await api("POST", f"/apps/{app['id']}/deploy", expect=409)
        await api("PUT", f"/apps/{app['id']}/tools/{tool['id']}/binding", tool["binding"])
        assert (await api("POST", f"/apps/{app['id']}/deploy"))["app"]["status"] == "published"


async def test_concurrent_writers_get_distinct_keys_and_no_cycle(shared: InProcessSandbox) -> None:
    async with shared.client() as client:
        api = Caller(client)
        app = await api.create_app()
        tools = await asyncio.gather(*(api.create(app, "tools", name="Same") for _ in range(12)))
        assert len({tool["key"] for tool in tools}) == 12
        first, second = tools[0]["id"], tools[1]["id"]
        responses = await asyncio.gather(
            *(
                client.put(f"/api/v1/apps/{app}/tools/{left}/chain", json={"nextToolIds": [right]})
                for left, right in ((first, second), (second, first))
            )
        )
        assert sorted(response.status_code for response in responses) == [200, 400]
        apps = await asyncio.gather(*(api.create_app(name="Same app") for _ in range(6)))
        slugs = {(await api("GET", f"/apps/{ident}"))["app"]["slug"] for ident in apps}
        assert len(slugs) == 6


async def test_ids_that_postgresql_cannot_store_are_not_found(shared: InProcessSandbox) -> None:
    async with shared.client() as client:
        for ident in ("%00", "app_%00", "%ED%A0%80", "x" * 3000):
            assert (await client.get(f"/api/v1/apps/{ident}")).status_code == 404
            assert (await client.get(f"/api/v1/apps/{ident}/tools/{ident}")).status_code == 404


async def test_users_see_only_their_own_apps(shared: InProcessSandbox) -> None:
    async with shared.client(await token_of(shared, "other@example.com")) as client:
        assert (await Caller(client)("GET", "/apps"))["apps"] == []


async def test_sandboxes_with_one_key_share_auth_connections(
    postgres_url: str,  # noqa: F811 - imported above
    tmp_path: Path,
) -> None:
    key = tmp_path / "key"
    key.write_text(base64.b64encode(bytes(range(32))).decode())
    key.chmod(0o600)
    options: dict[str, Any] = {"database_url": postgres_url, "secret_key_file": key}
    async with (
        in_process(tmp_path / "one", **options) as first_sandbox,
        in_process(tmp_path / "two", **options) as second_sandbox,
    ):
        try:
            async with first_sandbox.client() as first_client, second_sandbox.client() as second_client:
                first_api, second_api = Caller(first_client), Caller(second_client)
                app = await first_api.create_app()
                basic = {"username": "ada", "password": "hush"}
                connection = await first_api.create(app, "auth", providerKey="basic", name="Sign-in", config=basic)
                path = f"/apps/{app}/auth/{connection['id']}"
                changed = (await second_api("PATCH", path, {"config": {"username": "ines"}}))["auth"]
                assert (changed["status"], changed["secretRef"]) == ("valid", connection["secretRef"])
                assert (await first_api("PATCH", path, {"name": "Still there"}))["auth"]["status"] == "valid"
                await second_api("POST", f"/apps/{app}/deploy")  # which copies the secrets
                other_key = tmp_path / "other"
                other_key.write_text(base64.b64encode(bytes(32)).decode())
                other_key.chmod(0o600)
                with pytest.raises(WrongKey):
                    async with in_process(tmp_path / "three", database_url=postgres_url, secret_key_file=other_key):
                        pass
        finally:
            await first_sandbox.database.drop_all()
