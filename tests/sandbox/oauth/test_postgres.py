"""The authorization server with PostgreSQL, where transactions run concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from drio_tui.sandbox.oauth import mint_local_token
from tests.sandbox.oauth.browser import Browser
from tests.sandbox.oauth.conftest import Sandbox, opened
from tests.sandbox.postgres import postgres_url  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


@pytest.fixture
async def shared(postgres_url: str) -> AsyncIterator[Sandbox]:  # noqa: F811 - the fixture imported above
    async with opened(postgres_url) as sandbox:
        yield sandbox
        await sandbox.db.drop_all()


async def test_sign_in_refresh_and_revocation(shared: Sandbox) -> None:
    application = await shared.register()
    first = await shared.tokens(application, "ada@example.com")
    second = (await application.refresh(first["refresh_token"])).json()
    assert (await shared.me(second["access_token"])).json()["email"] == "ada@example.com"
    assert (await application.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await shared.me(second["access_token"])).status_code == 401


async def test_revocation_by_another_process_takes_effect_at_once(shared: Sandbox) -> None:
    application = await shared.register()
    tokens = await shared.tokens(application)
    async with opened(shared.db.url.render_as_string(hide_password=False)) as other:
        assert (await other.me(tokens["access_token"])).status_code == 200
        await application.revoke(tokens["refresh_token"])
        assert (await other.me(tokens["access_token"])).status_code == 401


async def test_concurrent_exchanges_of_a_code_or_refresh_token_succeed_once(shared: Sandbox) -> None:
    application = await shared.register()
    code = await shared.code(application)
    responses = await asyncio.gather(*(application.exchange(code) for _ in range(12)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * 11
    tokens = await shared.tokens(application)
    responses = await asyncio.gather(*(application.refresh(tokens["refresh_token"]) for _ in range(12)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * 11
    assert (await shared.me(tokens["access_token"])).status_code == 401


async def test_concurrent_consents_issue_one_code(shared: Sandbox) -> None:
    application = await shared.register()
    browser = Browser(shared.app)
    await browser.open(application.authorize_url())
    await browser.sign_in()
    form = browser.forms[0]
    requests = [browser.http.post(form["action"], data=form["fields"] | {"decision": "allow"}) for _ in range(8)]
    responses = await asyncio.gather(*requests)
    await browser.close()
    assert sorted(response.status_code for response in responses) == [200] * 7 + [303]


@pytest.mark.parametrize("text", ["\0", "é\0", "a\0b"])
async def test_texts_that_postgresql_cannot_store_are_refused(shared: Sandbox, text: str) -> None:
    application = await shared.register()
    browser = Browser(shared.app)
    for name in ("client_id", "redirect_uri", "state", "scope", "resource", "code_challenge"):
        await browser.open(application.authorize_url(**{name: text}))
        assert browser.external_redirect or browser.page
        assert not browser.page or browser.page.status_code in (302, 400)
    assert (await browser.open(f"/workos/sign-in?state={text.encode().hex()}%00")).status_code == 400
    await browser.open(application.authorize_url())
    assert (await browser.submit(1, who="other", email=f"a{text}@b.c")).status_code == 400
    await browser.close()
    assert (await application.exchange(text)).status_code == 400
    assert (await application.exchange("x", client_id=text)).status_code == 401
    assert (await application.revoke(text)).status_code == 200
    assert (await shared.http.post("/api/v1/auth/register", json={"client_name": text})).status_code == 400


async def test_concurrent_sign_ins_with_one_address_create_one_user(shared: Sandbox) -> None:
    application = await shared.register()
    all_tokens = await asyncio.gather(*(shared.tokens(application, "grace@example.com") for _ in range(4)))
    user_ids = {(await shared.me(tokens["access_token"])).json()["id"] for tokens in all_tokens}
    assert len(user_ids) == 1


async def test_local_tokens_can_be_minted_concurrently(shared: Sandbox) -> None:
    minted = await asyncio.gather(*(mint_local_token(shared.db, shared.settings) for _ in range(6)))
    assert [(await shared.me(token)).status_code for token in minted] == [200] * 6
