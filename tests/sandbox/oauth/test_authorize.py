"""The authorization endpoint: its redirects to the application, and the WorkOS sign-in."""

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
async def test_invalid_request_redirects_to_the_application_with_an_error(
    sandbox: Sandbox, browser: Browser, application: Application, changes: dict[str, str | None], error: str
) -> None:
    await browser.open(application.authorize_url(**changes))
    assert browser.external_redirect.startswith(application.redirect_uri + "?")
    params = browser.redirect_params
    assert params["error"] == error
    assert params["state"] == "a state"
    assert params["iss"] == BASE
    assert "code" not in params


@pytest.mark.parametrize("name", ["state", "scope", "code_challenge", "response_type", "resource"])
async def test_repeated_parameter_is_refused(browser: Browser, application: Application, name: str) -> None:
    await browser.open(application.authorize_url(scope="openid", resource=BASE) + f"&{name}=again")
    assert browser.redirect_params["error"] == "invalid_request"


@pytest.mark.parametrize("state", ["x\r\ny", "\0", "é", "s" * 5000])
async def test_unsafe_state_is_refused(browser: Browser, application: Application, state: str) -> None:
    await browser.open(application.authorize_url(state=state))
    assert browser.redirect_params["error"] == "invalid_request"
    assert browser.external_redirect.isprintable()


async def test_sign_in_goes_through_the_workos_page_and_drios_callback(
    browser: Browser, application: Application
) -> None:
    first = await browser.http.get(application.authorize_url())
    assert first.status_code == 302
    assert first.headers["location"].startswith("/workos/sign-in?")
    await browser.open(BASE + first.headers["location"])
    assert "Sign in" in browser.text
    form = browser.forms[0]
    second = await browser.http.post(form["action"], data=form["fields"] | {"who": "local"}, headers={"Origin": BASE})
    assert second.headers["location"].startswith(f"{AUTH}/callback?code=")
    await browser.open(BASE + second.headers["location"])
    assert str(browser.page and browser.page.url).startswith(f"{BASE}/oauth/consent?")


async def test_redirect_contains_state_and_issuer(browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url(state="a=b&c d/é".encode("ascii", "ignore").decode()))
    await browser.sign_in()
    await browser.submit(decision="allow")
    assert browser.external_redirect.startswith(application.redirect_uri + "?")
    params = browser.redirect_params
    assert set(params) == {"code", "state", "iss"}
    assert params["state"] == "a=b&c d/"
    assert params["iss"] == BASE


async def test_redirect_has_no_state_if_the_request_had_none(browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url(state=None))
    await browser.sign_in()
    await browser.submit(decision="allow")
    assert set(browser.redirect_params) == {"code", "iss"}


async def test_user_can_sign_in_with_another_address(sandbox: Sandbox, application: Application) -> None:
    ada = await sandbox.tokens(application, "Ada.Lovelace@Example.com")
    local = await sandbox.tokens(application)
    again = await sandbox.tokens(application, "ada.lovelace@example.com")
    users = [(await sandbox.me(tokens["access_token"])).json() for tokens in (ada, local, again)]
    assert [user["email"] for user in users] == [
        "ada.lovelace@example.com",
        "you@sandbox.local",
        "ada.lovelace@example.com",
    ]
    assert users[0]["id"] == users[2]["id"] != users[1]["id"]


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@b.c", "a b@c.d", "a@b c", "<script>@x.y", "a@b.c\r\nX: y", "a" * 250 + "@b.c"]
)
async def test_invalid_address_shows_the_sign_in_page_again(
    browser: Browser, application: Application, email: str
) -> None:
    await browser.open(application.authorize_url())
    response = await browser.submit(1, who="other", email=email)
    assert response.status_code == 400
    assert "not an e-mail address" in browser.text
    assert "script" not in browser.tags
    await browser.sign_in("ada@example.com")
    assert "ada@example.com" in browser.text


async def test_cancelled_sign_in_redirects_with_access_denied(browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url())
    cancel = next(number for number, form in enumerate(browser.forms) if form["id"] == "cancel")
    await browser.submit(cancel)
    assert browser.redirect_params["error"] == "access_denied"
    assert browser.redirect_params["state"] == "a state"


async def test_workos_code_is_valid_once_and_for_its_request(
    sandbox: Sandbox, browser: Browser, application: Application
) -> None:
    await browser.open(application.authorize_url())
    form = browser.forms[0]
    posted = await browser.http.post(form["action"], data=form["fields"] | {"who": "local"}, headers={"Origin": BASE})
    callback = BASE + posted.headers["location"]
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
    assert browser.external_redirect == ""
    assert "declined" in browser.text, response.text


async def test_callback_from_another_browser_is_refused(
    sandbox: Sandbox, browser: Browser, application: Application
) -> None:
    await browser.open(application.authorize_url())
    form = browser.forms[0]
    sign_in_response = await browser.http.post(
        form["action"], data=form["fields"] | {"who": "local"}, headers={"Origin": BASE}
    )
    victim = Browser(sandbox.app)
    response = await victim.open(BASE + sign_in_response.headers["location"])
    await victim.close()
    assert response.status_code == 400


async def test_unfinished_sign_in_expires(sandbox: Sandbox, browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url())
    sandbox.clock.forward(sandbox.settings.request_lifetime)
    response = await browser.submit(0, who="local")
    assert response.status_code == 400
    assert "begin the sign-in again" in browser.text


@pytest.mark.parametrize("resource", [BASE, f"{BASE}/", f"{BASE}/api/v1", f"{BASE}/api/v1/"])
async def test_resource_indicator_of_the_api_is_accepted(
    sandbox: Sandbox, application: Application, resource: str
) -> None:
    tokens = await sandbox.tokens(application, resource=resource)
    assert (await sandbox.me(tokens["access_token"])).status_code == 200


async def test_scope_outside_the_registration_is_refused(sandbox: Sandbox, browser: Browser) -> None:
    application = await sandbox.register(scope="openid email")
    await browser.open(application.authorize_url(scope="openid profile"))
    assert browser.redirect_params["error"] == "invalid_scope"
    tokens = await sandbox.tokens(application)
    assert tokens["scope"] == "openid email"
