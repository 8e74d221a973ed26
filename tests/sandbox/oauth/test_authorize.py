"""The authorization endpoint: what is told to the application, and the way through the upstream sign-in."""

from __future__ import annotations

import pytest

from tests.sandbox.oauth.browser import AUTH, BASE, Application, Browser
from tests.sandbox.oauth.conftest import Sandbox

REFUSED = [
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": 'code"\\ <x>'}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": ""}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"code_challenge": "a" * 44}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": "s256"}, "invalid_request"),
    ({"scope": "openid admin"}, "invalid_scope"),
    ({"scope": "openid  profile"}, "invalid_scope"),
    ({"resource": "https://evil.example/api"}, "invalid_target"),
    ({"resource": f"{BASE}/api/v1#fragment"}, "invalid_target"),
    ({"resource": f"{BASE}/api/v1.evil"}, "invalid_target"),
    ({"resource": f"{BASE}/api/v1/\0"}, "invalid_target"),
]


@pytest.mark.parametrize(("changes", "error"), REFUSED)
async def test_a_bad_request_is_told_to_the_application(
    sandbox: Sandbox, browser: Browser, application: Application, changes: dict[str, str | None], error: str
) -> None:
    await browser.open(application.authorize_url(**changes))
    assert browser.left_to.startswith(application.redirect_uri + "?")
    answer = browser.answer
    assert answer["error"] == error
    assert answer["state"] == "a state"
    assert answer["iss"] == BASE
    assert "code" not in answer


@pytest.mark.parametrize("name", ["state", "scope", "code_challenge", "response_type", "resource"])
async def test_a_repeated_parameter_is_refused(browser: Browser, application: Application, name: str) -> None:
    await browser.open(application.authorize_url(scope="openid", resource=BASE) + f"&{name}=again")
    assert browser.answer["error"] == "invalid_request"


@pytest.mark.parametrize("state", ["x\r\ny", "\0", "é", "s" * 5000])
async def test_a_state_that_cannot_be_kept_is_refused_and_harmless(
    browser: Browser, application: Application, state: str
) -> None:
    await browser.open(application.authorize_url(state=state))
    assert browser.answer["error"] == "invalid_request"
    assert browser.left_to.isprintable()


async def test_the_way_leads_through_the_upstream_page_and_drios_callback(
    browser: Browser, application: Application
) -> None:
    first = await browser.http.get(application.authorize_url())
    assert first.status_code == 302
    assert first.headers["location"].startswith("/workos/sign-in?")
    await browser.open(BASE + first.headers["location"])
    assert "Sign in" in browser.text
    found = browser.forms[0]
    second = await browser.http.post(found["action"], data=found["fields"] | {"who": "local"}, headers={"Origin": BASE})
    assert second.headers["location"].startswith(f"{AUTH}/callback?code=")
    await browser.open(BASE + second.headers["location"])
    assert str(browser.page and browser.page.url).startswith(f"{BASE}/oauth/consent?")


async def test_the_answer_carries_state_and_issuer(browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url(state="a=b&c d/é".encode("ascii", "ignore").decode()))
    await browser.sign_in()
    await browser.submit(decision="allow")
    assert browser.left_to.startswith(application.redirect_uri + "?")
    answer = browser.answer
    assert set(answer) == {"code", "state", "iss"}
    assert answer["state"] == "a=b&c d/"
    assert answer["iss"] == BASE


async def test_no_state_asked_no_state_answered(browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url(state=None))
    await browser.sign_in()
    await browser.submit(decision="allow")
    assert set(browser.answer) == {"code", "iss"}


async def test_one_can_sign_in_as_someone_else(sandbox: Sandbox, application: Application) -> None:
    ada = await sandbox.tokens(application, "Ada.Lovelace@Example.com")
    local = await sandbox.tokens(application)
    again = await sandbox.tokens(application, "ada.lovelace@example.com")
    who = [(await sandbox.me(tokens["access_token"])).json() for tokens in (ada, local, again)]
    assert [one["email"] for one in who] == [
        "ada.lovelace@example.com",
        "you@sandbox.local",
        "ada.lovelace@example.com",
    ]
    assert who[0]["id"] == who[2]["id"] != who[1]["id"]


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@b.c", "a b@c.d", "a@b c", "<script>@x.y", "a@b.c\r\nX: y", "a" * 250 + "@b.c"]
)
async def test_what_is_no_address_is_asked_again_and_shown_as_typed(
    browser: Browser, application: Application, email: str
) -> None:
    await browser.open(application.authorize_url())
    response = await browser.submit(1, who="other", email=email)
    assert response.status_code == 400
    assert "not an e-mail address" in browser.text
    assert "script" not in browser.tags
    await browser.sign_in("ada@example.com")
    assert "ada@example.com" in browser.text


async def test_cancelling_the_sign_in_is_told_to_the_application(browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url())
    cancel = next(number for number, form in enumerate(browser.forms) if form["id"] == "cancel")
    await browser.submit(cancel)
    assert browser.answer["error"] == "access_denied"
    assert browser.answer["state"] == "a state"


async def test_the_upstream_code_counts_once_and_only_for_its_request(
    sandbox: Sandbox, browser: Browser, application: Application
) -> None:
    await browser.open(application.authorize_url())
    found = browser.forms[0]
    sent = await browser.http.post(found["action"], data=found["fields"] | {"who": "local"}, headers={"Origin": BASE})
    callback = BASE + sent.headers["location"]
    other = Browser(sandbox.app)
    await other.open(application.authorize_url())
    handle = other.forms[0]["fields"]["state"]
    stolen = callback.partition("&state=")[0] + "&state=" + handle
    assert (await other.open(stolen)).status_code == 400
    await other.close()
    await browser.open(callback)
    assert "wants to use your drio account" in browser.text
    await browser.submit(decision="deny")
    response = await browser.open(callback)
    assert browser.left_to == ""
    assert "declined" in browser.text, response.text


async def test_a_callback_from_another_browser_is_refused(
    sandbox: Sandbox, browser: Browser, application: Application
) -> None:
    await browser.open(application.authorize_url())
    found = browser.forms[0]
    sent = await browser.http.post(found["action"], data=found["fields"] | {"who": "local"}, headers={"Origin": BASE})
    victim = Browser(sandbox.app)
    response = await victim.open(BASE + sent.headers["location"])
    await victim.close()
    assert response.status_code == 400


async def test_an_unfinished_sign_in_expires(sandbox: Sandbox, browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url())
    sandbox.clock.forward(sandbox.settings.request_lifetime)
    response = await browser.submit(0, who="local")
    assert response.status_code == 400
    assert "begin the sign-in again" in browser.text


@pytest.mark.parametrize("resource", [BASE, f"{BASE}/", f"{BASE}/api/v1", f"{BASE}/api/v1/"])
async def test_the_resource_may_be_named(sandbox: Sandbox, application: Application, resource: str) -> None:
    tokens = await sandbox.tokens(application, resource=resource)
    assert (await sandbox.me(tokens["access_token"])).status_code == 200


async def test_a_scope_outside_of_the_registration_is_refused(sandbox: Sandbox, browser: Browser) -> None:
    application = await sandbox.register(scope="openid email")
    await browser.open(application.authorize_url(scope="openid profile"))
    assert browser.answer["error"] == "invalid_scope"
    tokens = await sandbox.tokens(application)
    assert tokens["scope"] == "openid email"
