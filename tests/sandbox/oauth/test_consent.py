"""The consent page: its content, and the protection of its form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import func, select

from drio_tui.sandbox.oauth.tables import AuthorizationCode, Grant
from tests.sandbox.oauth.browser import BASE, Application, Browser
from tests.sandbox.oauth.conftest import Sandbox


async def grant_count(sandbox: Sandbox) -> int:
    """Return the number of grants, each of which has one code."""
    async with sandbox.db.read() as session:
        grants = (await session.execute(select(func.count()).select_from(Grant))).scalar_one()
        codes = (await session.execute(select(func.count()).select_from(AuthorizationCode))).scalar_one()
    assert grants == codes
    return grants


@pytest.fixture
async def consent_page(browser: Browser, application: Application) -> Browser:
    """A browser on the consent page."""
    await browser.open(application.authorize_url(scope="openid email"))
    await browser.sign_in()
    return browser


async def test_consent_page_shows_application_host_user_and_scopes(consent_page: Browser) -> None:
    for shown in ("A test", "127.0.0.1:51789", "you@sandbox.local", "openid", "email", "Allow", "Deny"):
        assert shown in consent_page.text
    assert "profile" not in consent_page.text


async def test_allowing_issues_one_code(sandbox: Sandbox, consent_page: Browser) -> None:
    form = consent_page.forms[0]
    await consent_page.submit(decision="allow")
    assert consent_page.redirect_params["code"].startswith("drio_code_")
    again = await consent_page.http.post(
        form["action"], data=form["fields"] | {"decision": "allow"}, headers={"Origin": BASE}
    )
    assert "location" not in again.headers
    assert "You have allowed" in again.text
    assert await grant_count(sandbox) == 1


async def test_denying_redirects_with_access_denied_and_grants_nothing(sandbox: Sandbox, consent_page: Browser) -> None:
    await consent_page.submit(decision="deny")
    assert consent_page.redirect_params["error"] == "access_denied"
    assert consent_page.redirect_params["iss"] == BASE
    assert await grant_count(sandbox) == 0


@pytest.mark.parametrize("query", ["&decision=allow", "&decision=allow&token=x", ""])
async def test_getting_the_consent_page_grants_nothing(sandbox: Sandbox, consent_page: Browser, query: str) -> None:
    """F68."""
    assert consent_page.page is not None
    fields = consent_page.forms[0]["fields"]
    url = f"{consent_page.page.url}{query.replace('token=x', 'token=' + fields['token'])}"
    for method in ("GET", "HEAD"):
        response = await consent_page.http.request(method, url)
        assert "location" not in response.headers
    assert await grant_count(sandbox) == 0


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_consent_without_csrf_token_is_refused(sandbox: Sandbox, consent_page: Browser, token: str) -> None:
    """F68."""
    response = await consent_page.submit(decision="allow", token=token)
    assert (response.status_code, consent_page.external_redirect) == (403, "")
    assert await grant_count(sandbox) == 0


async def test_csrf_token_of_another_request_is_refused(
    sandbox: Sandbox, consent_page: Browser, application: Application
) -> None:
    form = consent_page.forms[0]
    other = Browser(sandbox.app)
    await other.open(application.authorize_url())
    sign_in_token = other.forms[0]["fields"]["token"]
    await other.sign_in("mallory@example.com")
    consent_token = other.forms[0]["fields"]["token"]
    await other.close()
    for token in (consent_token, sign_in_token):
        data = form["fields"] | {"decision": "allow", "token": token}
        response = await consent_page.http.post(form["action"], data=data, headers={"Origin": BASE})
        assert response.status_code == 403
    assert await grant_count(sandbox) == 0
    data = form["fields"] | {"decision": "allow"}
    assert (await consent_page.http.post(form["action"], data=data, headers={"Origin": BASE})).status_code == 303
    assert await grant_count(sandbox) == 1


async def test_consent_from_a_browser_without_the_cookie_is_refused(sandbox: Sandbox, consent_page: Browser) -> None:
    form = consent_page.forms[0]
    victim = Browser(sandbox.app)
    for send in (
        victim.http.post(form["action"], data=form["fields"] | {"decision": "allow"}, headers={"Origin": BASE}),
        victim.http.get(str(consent_page.page and consent_page.page.url)),
    ):
        response = await send
        assert response.status_code == 400
        assert "A test" not in response.text
    await victim.close()
    assert await grant_count(sandbox) == 0


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1:8765"])
async def test_consent_posted_from_another_origin_is_refused(
    sandbox: Sandbox, consent_page: Browser, origin: str
) -> None:
    response = await consent_page.submit(decision="allow", headers={"Origin": origin})
    assert response.status_code == 403
    assert await grant_count(sandbox) == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
async def test_consent_accepts_only_form_bodies(sandbox: Sandbox, consent_page: Browser, kind: str) -> None:
    form = consent_page.forms[0]
    body = httpx.Request("POST", BASE, data=form["fields"] | {"decision": "allow"}).content
    response = await consent_page.http.post(
        form["action"], content=body, headers={"Content-Type": kind, "Origin": BASE}
    )
    assert response.status_code == 415
    assert await grant_count(sandbox) == 0


async def test_consent_before_sign_in_is_refused(sandbox: Sandbox, browser: Browser, application: Application) -> None:
    await browser.open(application.authorize_url())
    fields = browser.forms[0]["fields"]
    response = await browser.http.get(f"{BASE}/oauth/consent?request={fields['state']}")
    assert response.status_code == 400
    data = {"request": fields["state"], "token": fields["token"], "decision": "allow"}
    response = await browser.http.post("/oauth/consent", data=data, headers={"Origin": BASE})
    assert response.status_code in (400, 403)
    assert await grant_count(sandbox) == 0


async def test_cookie_is_http_only_and_same_site_strict(browser: Browser, application: Application) -> None:
    """F68."""
    response = await browser.http.get(application.authorize_url())
    cookie = response.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/", "max-age=600"):
        assert part in cookie


Visit = Callable[[Browser, Application], Awaitable[httpx.Response]]


async def _sign_in_page(browser: Browser, application: Application) -> httpx.Response:
    return await browser.open(application.authorize_url())


async def _consent_page(browser: Browser, application: Application) -> httpx.Response:
    await browser.open(application.authorize_url())
    await browser.sign_in()
    assert browser.page is not None
    return browser.page


async def _done_page(browser: Browser, application: Application) -> httpx.Response:
    page = await _consent_page(browser, application)
    await browser.submit(decision="allow")
    return await browser.open(str(page.url))


async def _error_page(browser: Browser, application: Application) -> httpx.Response:
    return await browser.open(application.authorize_url(redirect_uri="http://evil.example/<script>"))


PAGES = [_sign_in_page, _consent_page, _done_page, _error_page]


@pytest.mark.parametrize("visit", PAGES)
async def test_every_page_forbids_frames_scripts_and_caching(
    browser: Browser, application: Application, visit: Visit
) -> None:
    response = await visit(browser, application)
    policy = response.headers["content-security-policy"]
    directives = {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["base-uri"] == "'none'"
    assert "script-src" not in directives
    assert "unsafe" not in policy
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "script" not in browser.tags
    assert "style=" not in response.text


@pytest.mark.parametrize("visit", PAGES)
async def test_no_page_sends_a_referrer_to_other_origins(
    browser: Browser, application: Application, visit: Visit
) -> None:
    policy = (await visit(browser, application)).headers["referrer-policy"]
    # A form under no-referrer is posted with `Origin: null`, which the middleware rejects.
    assert policy == ("same-origin" if browser.forms else "no-referrer")


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "'; alert(1); //",
    "{{ 7*7 }}{% raw %}",
    "</h1></main><iframe src=//evil.example>",
    "\x1b]0;pwned\x07",
    "drio\u202eevil",
    "\u200b\u2066",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("visit", PAGES)
async def test_hostile_client_name_is_escaped_on_every_page(
    sandbox: Sandbox, browser: Browser, name: str, visit: Visit
) -> None:
    application = await sandbox.register(client_name=name, logo_uri="https://evil.example/x.png")
    response = await visit(browser, application)
    assert not {"script", "img", "iframe"} & set(browser.tags)
    assert "evil.example/x.png" not in response.text
    for char in "\x1b\x07\u202e\u200b\u2066":
        assert char not in response.text
    if visit in (_consent_page, _done_page) and name.isprintable():
        assert name in browser.text


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_parameters_are_escaped_on_the_error_page(
    browser: Browser, application: Application, text: str
) -> None:
    for changes in ({"client_id": text}, {"redirect_uri": "http://evil.example/" + text}):
        response = await browser.open(application.authorize_url(**changes))
        assert response.status_code == 400
        assert not {"script", "img", "iframe"} & set(browser.tags)
        assert "\x1b" not in response.text


async def test_style_sheet_is_served_by_the_sandbox(browser: Browser, application: Application) -> None:
    page = await browser.open(application.authorize_url())
    assert 'rel="stylesheet" href="/oauth/style.css"' in page.text
    style = await browser.http.get("/oauth/style.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in style.text
    assert "http" not in style.text
    assert "@import" not in style.text
