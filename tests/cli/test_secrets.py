"""No secret is in anything that commands keep, print or start, with the secrets of every provider.

The commands are processes in which every file that is replaced or removed is copied first, and the arguments of every
process that they start are recorded. All files below the test's folder are searched as bytes, those of the
sandbox too, for several encodings of each secret.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from drio_tui.api.secret_values import encoded_forms
from tests import preloaded
from tests.sandbox_fixtures import SandboxProcess, kill_process, start_sandbox

RECORDER = """
import os, shutil, sys, threading
folder = os.environ["RECORDED"]
lock = threading.RLock()
count = 0

def record(text):
    with open(os.path.join(folder, "arguments"), "a") as file:
        file.write(text + "\\n")

def hook(event, args):
    global count
    if event == "subprocess.Popen":
        record(f"started {args[0]!r} {args[1]!r}")
    elif event in ("os.exec", "os.posix_spawn", "os.spawn", "os.system"):
        record(f"started {args[:2]!r}")
    elif event in ("os.rename", "os.remove") and isinstance(args[0], (str, os.PathLike)):
        path = os.fspath(args[0])
        if os.path.isfile(path):
            with lock:
                count += 1
                shutil.copyfile(path, os.path.join(folder, f"{os.getpid()}-{count}-{os.path.basename(path)}"))

record(f"command {sys.argv!r}")
sys.addaudithook(hook)
"""
FIELDS: dict[str, Any] = {
    "authorizationEndpoint": "https://a.example.com/authorize", "tokenEndpoint": "https://a.example.com/token",
    "clientId": "client", "username": "ada", "name": "X-Key", "in": "header",
}  # fmt: skip


def forms(secret: str) -> Iterator[bytes]:
    """Yield the encodings in which a secret could be somewhere."""
    data = secret.encode()
    for text in (*encoded_forms(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]):
        yield text.encode()
    yield data.hex().encode()
    yield data[::-1]
    yield secret.encode("utf-16-le")
    for prefix in range(3):  # base64 of a longer text that has the secret in it
        padded = base64.b64encode(b"\0" * prefix + data + b"\0" * (-(len(data) + prefix) % 3))
        core = padded[4 if prefix else 0 :][:-4]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


@dataclass
class Workplace:
    """A folder with documents, a sandbox, and commands that run there."""

    folder: Path
    sandbox: SandboxProcess
    secrets: dict[str, str] = field(default_factory=dict)
    printed: list[tuple[str, bytes]] = field(default_factory=list)

    def run(self, *arguments: str, stdin: str = "", code: int = 0, **variables: str) -> str:
        recorded, home = self.folder / "recorded", self.folder / "home"
        env = {
            **{f"DRIO_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "STATE", "CACHE")},
            "HOME": str(home), "RECORDED": str(recorded), "DRIO_TOKEN": self.sandbox.token,
            **variables,
        }  # fmt: skip
        done = preloaded.run(
            *arguments, "--base-url", self.sandbox.base_url, env=env, site=str(recorded), cwd=self.folder,
            input=stdin.encode(), timeout=120,
        )  # fmt: skip
        self.printed.append((" ".join(arguments), done.stdout + b"\n" + done.stderr))
        assert done.returncode == code, f"{arguments}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done.stdout.decode()

    def found(self) -> list[str]:
        """Return where secrets are: files and commands."""
        searched = {form: name for name, value in self.secrets.items() for form in forms(value)}
        searched |= dict.fromkeys(forms(self.sandbox.token), "the token")
        places = list(self.printed)
        own = self.sandbox.data_dir / "local-token"
        files = [path for path in self.folder.rglob("*") if path.is_file() and path != own]
        places += [(str(path), path.read_bytes()) for path in files]
        return [f"{name} in {where}" for where, content in places for form, name in searched.items() if form in content]


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "sitecustomize.py").write_text(RECORDER)
    sandbox = start_sandbox(tmp_path / "sandbox")
    yield Workplace(tmp_path, sandbox)
    kill_process(sandbox)


def document(workplace: Workplace) -> dict[str, Any]:
    """Return a document with a connection of each provider of the sandbox, with all its secrets."""
    with workplace.sandbox.client() as client:
        apps = client.get("/api/v1/apps").raise_for_status().json()["apps"]
        providers = client.get(f"/api/v1/apps/{apps[0]['id']}/auth").raise_for_status().json()["providers"]
    auth: dict[str, Any] = {}
    for provider in providers:
        config: dict[str, Any] = {}
        for name, schema in provider["configSchema"].get("properties", {}).items():
            if schema.get("writeOnly"):
                variable = f"{provider['key']}_{name}".upper().replace("-", "_")
                workplace.secrets[variable] = f'{name}/{provider["key"]}+VERY secret?"\\é&=%'
                config[name] = {"$secret": variable}
            elif name in FIELDS:
                config[name] = FIELDS[name]
        auth[provider["key"]] = {"name": provider["name"], "provider": provider["key"], "config": config}
    integrations = {
        f"api-{key}": {"name": f"API {key}", "baseUrl": "https://h.example.com", "auth": key} for key in auth
    }
    app = {"slug": "acme", "name": "Acme", "template": "blank"}
    tools = {"search": {"name": "Search", "description": "Finds things."}}
    return {"app": app, "auth": auth, "integrations": integrations, "tools": tools}


@pytest.mark.slow
def test_no_secret_of_any_provider_is_kept_printed_or_an_argument(workplace: Workplace) -> None:
    content = document(workplace)
    assert len(workplace.secrets) == 6
    folder, run = workplace.folder, workplace.run
    (folder / "app").mkdir()
    path = folder / "app" / "drio.json"

    def write() -> None:
        path.write_text(json.dumps(content))

    write()
    given = dict(workplace.secrets)
    run("plan", "app", "--markdown", **given)
    run("plan", "app", "--out", "plan.json", **given)
    run("apply", "plan.json", "--yes", **given)
    run("plan", "app", "--detailed-exitcode", **given)
    workplace.secrets |= {f"{name}_NEW": f"new {value}" for name, value in given.items()}
    changed = {name: f"new {value}" for name, value in given.items()}
    content["auth"]["bearer"]["name"] = "Renamed"
    write()
    assert "--write-secret" in run("plan", "app", "--json", **changed)
    run("apply", "app", "--write-secret", "all", "--yes", "--json", **changed)
    run("set", "acme", "auth", "basic", "--secret", "config.password=SENT", "--yes", SENT=given["BASIC_PASSWORD"])
    run("add", "acme", "auth", "providerKey=bearer", "name=More", "--secret", "config.token", "--yes",
        stdin=given["BEARER_TOKEN"] + "\n")  # fmt: skip
    refused = ("add", "acme", "auth", "providerKey=nothing", "name=Bad", "--yes")
    run(*refused, "--secret", "config.password=SENT", code=1, SENT=given["BASIC_PASSWORD"])
    run("undo", "acme", "--yes")
    with workplace.sandbox.client() as client:
        app = next(app for app in client.get("/api/v1/apps").json()["apps"] if app["slug"] == "acme")
        client.patch(f"/api/v1/apps/{app['id']}", json={"description": "By hand"}).raise_for_status()
        tool = client.get(f"/api/v1/apps/{app['id']}/tools").json()["tools"][0]
        client.patch(f"/api/v1/apps/{app['id']}/tools/{tool['id']}", json={"name": "By hand"}).raise_for_status()
    run("drift", "app", "--markdown", code=3, **changed)
    run("apply", "app", "--yes", code=1, **changed)  # a conflict
    run("pull", "app", "--on-conflict", "drio", **changed)
    run("plan", "app", **changed)
    run("undo", "acme", "--list", "--json")
    run("history", "acme", "--json")
    run("export", "acme", "-o", "exported", "--format", "json")
    run("export", "acme", "-o", "split", "--split")
    run("get", "acme", "auth", "--json")
    run("api", "GET", f"/apps/{app['id']}/auth")
    run("plan", "--from", "acme", "--to", "acme-two", "--out", "copy.json")
    run("apply", "copy.json", "--yes")
    recorded = (folder / "recorded" / "arguments").read_text()
    assert recorded.count("command ") == len(workplace.printed)
    copies = {path.name.partition("-")[2] for path in (folder / "recorded").iterdir() if path.name != "arguments"}
    assert len(copies) > 10  # files of the state folder, and plan.json as it was after each step
    assert workplace.found() == []


def test_the_search_finds_every_encoding(workplace: Workplace) -> None:
    secret = workplace.secrets["KEY"] = 'a/b+VERY secret?"é&='
    for number, form in enumerate(forms(secret)):
        (workplace.folder / f"place-{number}").write_bytes(b"xy" + form + b"z")
    encoded = base64.urlsafe_b64encode(f"user:{secret}; more".encode())
    (workplace.folder / "inside").write_bytes(encoded)
    places = {where.rpartition("/")[2] for where in workplace.found()}
    assert places == {"inside"} | {path.name for path in workplace.folder.glob("place-*")}
