"""`--record`, `--replay`, `cassette`, `sandbox replay`: what is recorded, and what a replay does without a server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from drio_tui.cassette.cassette import read_cassette
from drio_tui.cassette.placeholders import PLACEHOLDER
from drio_tui.cassette.server import CassetteServer
from tests import preloaded
from tests.cli.conftest import Runner
from tests.conftest import private_environment
from tests.sandbox_fixtures import kill_process, start_sandbox

UPSTREAM_SECRET = 's3cr3t"value/of the+upstream'
# Signs in on the sandbox's pages as the local user, allows access, and writes what it saw to a file.
BROWSER = r"""#!{python}
import http.cookiejar, re, sys, urllib.parse, urllib.request
jar = http.cookiejar.CookieJar()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}), urllib.request.HTTPCookieProcessor(jar))
page = opener.open(sys.argv[1])
seen = [sys.argv[1]]
for answer in ({{"who": "local"}}, {{"decision": "allow"}}):
    html, url = page.read().decode(), page.geturl()
    seen += [url, html]
    if "<form" not in html:
        break
    form = re.search(r'<form method="post" action="([^"]*)".*?</form>', html, re.S)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[0]))
    data = urllib.parse.urlencode(fields | answer).encode()
    action = urllib.parse.urljoin(url, form[1])
    request = urllib.request.Request(action, data, {{"Origin": "/".join(url.split("/")[:3])}})
    page = opener.open(request)
seen.append(page.geturl())
open({seen!r}, "w").write("\n".join(seen))
"""


@dataclass
class Walk:
    """A recorded walk: sign in, create, add a secret, edit, deploy. Its sandbox has ended, and nobody is signed in."""

    cassette: Path
    outputs: dict[str, str]
    secrets: list[str]
    base_url: str


COMMANDS = {
    "create": "create --template support --name Recorded --slug recorded",
    "add": "add recorded auth providerKey=bearer name=Upstream --secret config.token --yes",
    "set": "set recorded tools * description=Edited --yes",
    "deploy": "deploy recorded --yes",
    "call": 'call recorded search-contacts --args \'{"q": "ada"}\' --deployed --json',
    "get": "get recorded tools --json",
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    pytest.importorskip("fastapi", reason="the sandbox extra is not installed")
    folder = tmp_path_factory.mktemp("walk")
    process = start_sandbox(folder / "sandbox")
    seen, browser, cassette = folder / "seen", folder / "browser", folder / "walk.cassette"
    browser.write_text(BROWSER.format(python=sys.executable, seen=str(seen)))
    browser.chmod(0o755)
    home = private_environment(folder / "home")
    env = home | {"BROWSER": str(browser), "DRIO_UPSTREAM_SECRET": UPSTREAM_SECRET}
    outputs = {}
    try:
        login = f"login --base-url {process.base_url} --timeout 30"
        for name, command in {"login": login, **COMMANDS}.items():
            result = preloaded.run(*shlex.split(command), "--record", str(cassette), env=env, encoding="utf-8")
            assert result.returncode == 0, (name, result.stderr)
            outputs[name] = result.stdout
    finally:
        kill_process(process)
    (token_file,) = (Path(home["DRIO_STATE_DIR"]) / "tokens").iterdir()
    tokens = json.loads(json.loads(token_file.read_text())["value"])
    secrets = [tokens["access_token"], tokens["refresh_token"], UPSTREAM_SECRET, process.token]
    codes = re.findall(r"[?&](?:code|state)=([^&\s]+)", seen.read_text())
    assert len(codes) >= 2
    return Walk(cassette, outputs, [*secrets, *codes], process.base_url)


@pytest.fixture
def walk(recorded: Walk, tmp_path: Path) -> Walk:
    """The walk with a copy of its cassette; nobody is signed in."""
    copy = tmp_path / "walk.cassette"
    shutil.copy2(recorded.cassette, copy)
    return replace(recorded, cassette=copy)


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d+", "(number)", text)


def test_a_walk_is_recorded_without_secrets_and_replayed_without_a_server(walk: Walk, drio: Runner) -> None:
    recorded = walk.cassette.read_bytes()
    assert stat.S_IMODE(walk.cassette.stat().st_mode) == 0o600
    for secret in walk.secrets:
        for form in (secret, json.dumps(secret)[1:-1], str(httpx.QueryParams({"x": secret}))[2:]):
            assert form.encode() not in recorded, f"a secret of {len(secret)} characters"
    content = read_cassette(walk.cassette)
    assert list(content.runs.values()) == ["login", *(command.split()[0] for command in COMMANDS.values())]
    token_answer = next(item for item in content.exchanges if "access_token" in str(item.response.get("body")))
    access_token = token_answer.response["body"]["json"]["access_token"]
    assert PLACEHOLDER.fullmatch(access_token)
    bearers = {dict(item.request["headers"]).get("authorization", "") for item in content.exchanges[-3:]}
    assert len(bearers) == 1
    assert PLACEHOLDER.search(bearers.pop())
    for name, command in COMMANDS.items():
        replayed = drio(*shlex.split(command), "--replay", str(walk.cassette),
                        env={"DRIO_UPSTREAM_SECRET": "another"})  # fmt: skip
        assert replayed.code == 0, (name, replayed.err)
        assert "takes it back" not in replayed.err
        assert ("nothing was changed" in replayed.err) == (name in ("add", "set")), replayed.err
        assert without_times(replayed.out) == without_times(walk.outputs[name]), name
    assert walk.cassette.read_bytes() == recorded


def test_a_changed_request_fails_and_names_the_closest_recorded_one(walk: Walk, drio: Runner) -> None:
    changed = drio(*shlex.split(COMMANDS["set"].replace("Edited", "Changed")), "--replay", str(walk.cassette))
    assert changed.code == 1
    assert "What was done stays" not in changed.err
    assert "nothing was changed" in changed.err
    assert re.search(
        r"was not recorded: (PATCH|PUT) /api/v1/apps/\S+; the closest one is number \d+, (PATCH|PUT) /api/v1/apps/\S+,"
        r' which differs in body\.description \("Edited", now "Changed"\)',
        changed.err,
    ), changed.err
    other = drio("api", "GET", "/templates/nowhere", "--replay", str(walk.cassette))
    assert other.code == 1
    assert "This request was not recorded: GET /api/v1/templates/nowhere; the closest one is number" in other.err
    again = drio("create", *COMMANDS["create"].replace("Recorded", "Other").split()[1:], "--replay", str(walk.cassette))
    assert again.code == 1
    assert 'name ("Recorded", now "Other")' in again.err


def test_a_cassette_is_served_to_any_client_in_order(walk: Walk, drio: Runner) -> None:
    missing: list[str] = []
    server = CassetteServer(walk.cassette, on_missing=missing.append)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        env = {"DRIO_TOKEN": "any", "DRIO_UPSTREAM_SECRET": "another"}
        for name in ("create", "set", "get"):
            result = drio(*shlex.split(COMMANDS[name]), "--base-url", server.base_url, env=env)
            assert result.code == 0, (name, result.err, missing)
            assert result.out == walk.outputs[name]
        assert not missing
        second = drio(*shlex.split(COMMANDS["create"]), "--base-url", server.base_url, env=env)
        assert second.code == 1
        assert "was recorded once, and is sent once more" in second.err
        assert len(missing) == 1
    finally:
        server.close()
        thread.join()


def test_har_has_every_exchange_and_its_required_members(walk: Walk, drio: Runner, tmp_path: Path) -> None:
    out = tmp_path / "walk.har"
    assert drio("cassette", "har", str(walk.cassette), "-o", str(out)).code == 0
    log = json.loads(out.read_text())["log"]
    shown = drio("cassette", "show", str(walk.cassette), "--json").json
    assert log["version"] == "1.2"
    assert set(log["creator"]) == {"name", "version"}
    assert [entry["request"]["url"] for entry in log["entries"]] == [
        item["request"]["url"] for item in shown["exchanges"]
    ]
    assert len(log["entries"]) > 10
    for entry in log["entries"]:
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= entry.keys()
        assert set(entry["timings"]) == {"send", "wait", "receive"}
        request, response = entry["request"], entry["response"]
        common = {"httpVersion", "cookies", "headers", "headersSize", "bodySize"}
        assert common | {"method", "url", "queryString"} <= request.keys()
        assert common | {"status", "statusText", "content", "redirectURL"} <= response.keys()
        assert {"size", "mimeType"} <= response["content"].keys()
        assert len(response["content"].get("text", "").encode()) == response["content"]["size"]
    listed = drio("cassette", "show", str(walk.cassette))
    assert len(listed.out.splitlines()) == len(log["entries"]) + 1


def test_a_cut_off_line_is_ignored_and_the_next_run_appends_after_it(walk: Walk, drio: Runner) -> None:
    whole = read_cassette(walk.cassette)
    walk.cassette.write_bytes(walk.cassette.read_bytes()[:-40])
    assert len(read_cassette(walk.cassette).exchanges) == len(whole.exchanges) - 1
    assert drio("templates", "--base-url", walk.base_url, "--record", str(walk.cassette)).code == 1  # it has ended
    appended = read_cassette(walk.cassette)
    assert list(appended.runs.values())[-1] == "templates"
    assert appended.exchanges[-1].error == "ConnectError"
    assert appended.exchanges[-1].url.endswith("/templates")  # that a fault lab was asked then is no part of it


@pytest.mark.parametrize("option", ["--record", "--replay"])
def test_another_file_is_no_cassette_and_stays_as_it_is(drio: Runner, tmp_path: Path, option: str) -> None:
    other = tmp_path / "notes.json"
    other.write_text('{"mine": 1}\n')
    result = drio("apps", option, str(other))
    assert result.code == 2
    assert "is no cassette" in result.err
    assert other.read_text() == '{"mine": 1}\n'
    later = tmp_path / "later"
    later.write_text('{"drioTuiCassette": 2, "client": "drio-tui/9"}\n')
    assert "recorded by a later version, drio-tui/9" in drio("apps", option, str(later)).err


def test_a_replay_does_not_sign_in(walk: Walk, drio: Runner) -> None:
    for command in ("login", "logout", "doctor"):
        result = drio(command, "--replay", str(walk.cassette))
        assert result.code == 2, result.err
        assert "A replayed session needs no sign-in" in result.err


def test_sandbox_replay_prints_where_it_listens(walk: Walk) -> None:
    command = [sys.executable, "-m", "drio_tui", "sandbox", "replay", str(walk.cassette), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        base_url = json.loads(process.stdout.readline())["baseUrl"]
        answer = httpx.get(f"{base_url}/nothing", trust_env=False)
        assert answer.status_code == 501
        assert answer.json()["error"]["code"] == "not_recorded"
        process.terminate()


def test_hostile_text_of_a_cassette_is_shown_without_control_characters(walk: Walk, drio: Runner) -> None:
    content = walk.cassette.read_text(encoding="utf-8")
    walk.cassette.write_text(
        content.replace("/api/v1/apps", "/api/v1/apps\\u001b[2J\\u202e[@click=app.quit]x[/]"), "utf-8"
    )
    shown = drio("cassette", "show", str(walk.cassette))
    assert shown.code == 0
    assert "[@click=app.quit]x[/]" in shown.out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown.out + shown.err)
