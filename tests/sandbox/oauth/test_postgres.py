"""The same sign-in over PostgreSQL, where two requests really run at once."""

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


async def test_one_signs_in_refreshes_and_revokes(shared: Sandbox) -> None:
    application = await shared.register()
    first = await shared.tokens(application, "ada@example.com")
    second = (await application.refresh(first["refresh_token"])).json()
    assert (await shared.me(second["access_token"])).json()["email"] == "ada@example.com"
    assert (await application.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await shared.me(second["access_token"])).status_code == 401


async def test_a_code_and_a_refresh_token_count_once_however_many_ask(shared: Sandbox) -> None:
    application = await shared.register()
    code = await shared.code(application)
    answers = await asyncio.gather(*(application.exchange(code) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 11
    tokens = await shared.tokens(application)
    answers = await asyncio.gather(*(application.refresh(tokens["refresh_token"]) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 11
    assert (await shared.me(tokens["access_token"])).status_code == 401


async def test_a_question_is_answered_once_however_often_it_is_posted(shared: Sandbox) -> None:
    application = await shared.register()
    browser = Browser(shared.app)
    await browser.open(application.authorize_url())
    await browser.sign_in()
    form = browser.forms[0]
    post = [browser.http.post(form["action"], data=form["fields"] | {"decision": "allow"}) for _ in range(8)]
    answers = await asyncio.gather(*post)
    await browser.close()
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [303]


@pytest.mark.parametrize("text", ["\0", "é\0", "a\0b"])
async def test_what_postgresql_cannot_hold_is_refused_before_it_gets_there(shared: Sandbox, text: str) -> None:
    application = await shared.register()
    browser = Browser(shared.app)
    for name in ("client_id", "redirect_uri", "state", "scope", "resource", "code_challenge"):
        await browser.open(application.authorize_url(**{name: text}))
        assert browser.left_to or browser.page
        assert not browser.page or browser.page.status_code in (302, 400)
    assert (await browser.open(f"/workos/sign-in?state={text.encode().hex()}%00")).status_code == 400
    await browser.open(application.authorize_url())
    assert (await browser.submit(1, who="other", email=f"a{text}@b.c")).status_code == 400
    await browser.close()
    assert (await application.exchange(text)).status_code == 400
    assert (await application.exchange("x", client_id=text)).status_code == 401
    assert (await application.revoke(text)).status_code == 200
    assert (await shared.http.post("/api/v1/auth/register", json={"client_name": text})).status_code == 400


async def test_two_people_of_the_same_address_at_once_are_one(shared: Sandbox) -> None:
    application = await shared.register()
    answers = await asyncio.gather(*(shared.tokens(application, "grace@example.com") for _ in range(4)))
    who = {(await shared.me(tokens["access_token"])).json()["id"] for tokens in answers}
    assert len(who) == 1


async def test_two_processes_may_mint_their_local_tokens_at_once(shared: Sandbox) -> None:
    minted = await asyncio.gather(*(mint_local_token(shared.db, shared.settings) for _ in range(6)))
    assert [(await shared.me(token)).status_code for token in minted] == [200] * 6
