"""Golden files of the commands: standard output, standard error and exit code, as transcripts."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from drio_tui.cli import COMMANDS, cli
from tests import preloaded
from tests.golden.frames import FOLDER, compare, normalised
from tests.openapi_import.documents import PETS, newer_pets
from tests.sandbox_fixtures import SandboxProcess, kill_process, start_sandbox

APP = "acme-support"
COPY = "golden-app"


class Transcript(NamedTuple):
    """Commands in the order in which they run. `on_server`: they get the sandbox's URL and token."""

    commands: tuple[str, ...]
    on_server: bool


def on_server(*commands: str) -> Transcript:
    return Transcript(commands, on_server=True)


def without_server(*commands: str) -> Transcript:
    return Transcript(commands, on_server=False)


TRANSCRIPTS: dict[str, Transcript] = {
    "general": without_server(
        "--version", "", "--nope", "--sandbox --base-url https://getdrio.com apps", "--data x apps", "nosuch",
    ),
    "templates": on_server("templates", "templates support", "templates suport", "templates support --json"),
    "me": on_server("me", "me --json"),
    "create": on_server(
        f"create --template blank --name 'Golden App' --slug {COPY}",
        f"create --template blank --name 'Golden App' --slug {COPY}",
        "create --template blankk --name X",
        "create --template blank --name X --slug 'Not A Slug' --json",
        "--read-only create --template blank --name X",
    ),
    "apps": on_server("apps", "apps --json", "-q apps"),
    "inspect": on_server(
        f"inspect {APP}", f"inspect {APP} --kind tools", f"inspect {APP} --kind gadgets", "inspect no-such-app",
        f"inspect {COPY}", f"inspect {COPY} --json",
    ),
    "get": on_server(
        f"get {APP} tools", f"get {APP} tools -o name", f"get {APP} tool search-tickets", f"get {APP} auth -o yaml",
        f"get {APP} tools 'show-*' --json", f"get {APP} tools serch-tickets", f"get {APP} gadgets",
    ),
    "api": on_server(
        "api GET /me", "api GET /me --include", "api GET /nowhere", "api GET https://example.com/me",
        f"api PATCH /apps/{APP} -f description=x", f"api PATCH /apps/{APP} -f name=x -f isEnabled:=true --dry-run",
        "--read-only api DELETE /apps/x --yes", "api FETCH /me", "api", "--read-only api --list tools",
        "api --describe setToolBinding", "api --describe setToolBindin", "api --list --document /nowhere.json",
        "token", "token --json",
    ),
    "map": on_server(
        f"map {APP} ticket-list --from-schema --dry-run", f"map {APP} contact-table --slot columns.phone --from-schema",
        f"map {APP} contact-table --replace --from-schema --yes --json", f"map {APP} nothing --yes",
        f"--read-only map {APP} ticket-list", f"undo {APP} --yes",
    ),
    "bulk": on_server(
        f"replace {APP} Ticket Case --word --dry-run", f"replace {APP} '(a+)+' b --regex --yes",
        f"replace {APP} '^Finds ' 'Searches ' --kind tool --in search-contacts --regex --yes",
        f"rename {APP} tools 's/^Show /View /' show-contact --yes --json",
        f"rename {APP} tools '{{key}}-2' 'show-*' --key --dry-run",
        f"rename {APP} tools Tool", f"undo {APP} --yes", f"undo {APP} --yes",
        f"move {APP} search-tickets crm", f"--read-only move {APP} search-tickets crm --yes",
    ),
    "check": on_server(
        f"check {APP}", f"check {COPY}", f"check {COPY} --strict", f"check {COPY} --json", "check no-such-app",
    ),
    "lint": on_server(
        f"lint {APP}", f"lint {APP} --client chatgpt --review", f"lint {COPY} --json", f"lint {APP} --client curser",
    ),
    "import": on_server(
        f"import {COPY} pets.json",
        f"import {COPY} pets.json --operation GET:/pets --tag admin --dry-run",
        f"import {COPY} pets.json --operation GET:/pets --tag admin --dry-run --json",
        f"import {COPY} pets.json --all --no-check",
        f"import {COPY} pets.json --all --no-check --yes",
        f"import {COPY} pets.json --all --no-check --yes",
        f"import {COPY} pets.json --update --dry-run",
        f"import {COPY} newer.json --update --dry-run",
        f"import {COPY} newer.json --update --dry-run --markdown",
        f"import {COPY} newer.json --update",
        f"import {COPY} pets.json --operation GET:/nowhere",
        f"import {COPY} missing.json --all",
        f"--read-only import {COPY} pets.json --all",
    ),
    "call": on_server(
        f"call {APP} no-such-tool",
        f"call {APP} search-tickets --args 'not json'",
        f"call {APP} search-tickets --args '{{}}'",
        f"call {COPY} list-pets",
        f"call {COPY} list-pets --json",
        f"call {APP} search-contacts --row 2",
        f"call {APP} search-contacts --then show-contact --take contactId=id",
    ),
    "test": on_server(f"test {APP}", f"test {APP} search-tickets", f"test {APP} no-such-tool", "test nowhere/app"),
    "connect-before": on_server(f"connect {APP}"),
    "deploy": on_server(
        f"--read-only deploy {APP}", f"deploy {APP}", f"deploy {APP} --yes", f"deploy {APP} --if-changed --yes",
        f"deploy {APP} --yes --json", f"deploy {COPY} --yes", "deploy no-such-app --yes",
    ),
    "connect": on_server(
        f"connect {APP}", f"connect {APP} --json", f"connect {APP} --client claude-code",
        f"connect {APP} --client nope",
        f"connect {APP} --endpoint string",
    ),
    "set": on_server(
        f"set {COPY} tools 'list-*' description='Lists all of them. Call it first, and without arguments.' --dry-run",
        f"set {COPY} tools 'list-*' description='Lists all of them. Call it first, and without arguments.'",
        f"set {COPY} tools 'list-*' description='Lists all of them. Call it first, and without arguments.' --yes",
        f"set {COPY} tools 'list-*' description='Lists all of them. Call it first, and without arguments.' --yes",
        f"set {COPY} app branding.primaryColor='#0f172a' companyUrl=https://example.com --yes --json",
        f"set {COPY} tool list-pets isEnabled=false --yes", f"set {COPY} tool list-pets descripton=x --yes",
        f"set {COPY} tool list-pets", f"set {COPY} tools isEnabled:=false --yes",
        f"set {COPY} app slug='Not A Slug' --yes",
        f"--read-only set {COPY} tools '*' description=x --yes", f"set {APP} auth helpdesk-key config.apiKey=x --yes",
        f"disable {COPY} tools '*' --yes", f"enable {COPY} tools list-pets --yes", f"enable {COPY} widgets '*' --yes",
    ),
    "add": on_server(
        f"add {COPY} tools name='Get a pet' description='Shows one pet.' --yes",
        f"add {COPY} tools name='Get a pet' --json",
        f"add {COPY} operations name=X method=GET path=/x --yes", f"add {COPY} app name=X --yes",
        f"bind {APP} add-note nowhere/get --yes", f"chain {COPY} list-pets get-a-pet --yes",
        f"chain {COPY} list-pets", f"delete {COPY} tools get-a-pet", f"delete {COPY} tools get-a-pet --detach --yes",
        f"rebind {COPY} --stale --yes", f"rebind {COPY} get-a-pet --yes",
    ),
    "undo": on_server(
        f"undo {COPY} --dry-run", f"undo {COPY}", f"undo {COPY} --yes", f"undo {COPY} --yes --json",
        f"undo {COPY} --id ffff --yes", f"--read-only undo {COPY} --yes",
    ),
    "document": on_server(
        f"export {COPY} -o document", f"export {APP} -o document", f"export {COPY} --split",
        f"export {COPY} -o document --json",
        f"set {COPY} app description='About pets.' --yes", "pull document --dry-run", "pull document", "pull document",
        "pull broken", "pull nowhere", "pull document --json",
    ),
    "validate": without_server("validate document", "validate broken", "validate broken --json", "validate nowhere"),
    "status": without_server("status", "status --json", "status --profile nope"),
    "doctor": on_server("doctor", "doctor --step"),
    "sign-in": without_server(
        "logout", "logout --all --json", "login --timeout 0", "login --base-url http://127.0.0.1:1",
    ),
    "sandbox": without_server(
        "sandbox status --data {data}", "sandbox path --data {data}", "sandbox path --data {data} --json",
        "sandbox token --data {data}", f"sandbox deployments {APP} --data {{data}}",
        f"sandbox deployments {APP} --data {{data}} --json", f"sandbox restore {APP} --data {{data}}",
        "sandbox allow localhost:8000 --data {data}", "sandbox allow --data {data} --json",
        "sandbox allow localhost:8000 --revoke --data {data}", "sandbox allow localhost:8000 --revoke --data {data}",
        "sandbox allow 'not a host' --data {data}", "sandbox faults list",
        "sandbox faults on slow 'POST:/tools=status:503*2' --seed 7 --data {data}",
        "sandbox faults status --data {data}",
        "sandbox faults off slow --data {data} --json", "sandbox faults on nonsense --data {data}",
        "sandbox faults off --data {data}", "sandbox reset --data {data}", "sandbox stop --data {data}",
        "sandbox status --data {data}", "sandbox stop --data {data}", "sandbox reset --data {data}",
        "sandbox reset --data {data} --yes",
    ),
}  # fmt: skip
"""The transcripts by name, in the order in which they run; `{data}` is the sandbox's folder."""
BROKEN = """\
app: { slug: broken, nam: X, branding: { primaryColor: red } }
tools:
  a: { name: A, next: [b], binding: api/list, annotations: { readOnlyHint: yes } }
  b: { name: B, next: [a], description: { $file: ../secret.txt } }
"""
_VARYING = (
    (r"\b\d+(\.\d+)? ?(ms|s)\b", "0 s"),
    (r"(?<=^process)      *\d+", "      9"),
    (r"(?<=\"at\":)[\d.]+", "0"),
    (r"(?<=\"timing\":)\{[^}]*\}", "{}"),
    (r"(?<=\"group\":\")\w+", "GROUP"),
    (r"(?<=\"id\":\")[0-9a-f]{16}(?=\")", "CHANGE"),
    (r"\b(operation|tool)_[0-9a-z]{16}\b", r"\1_ID"),  # numbered in the order in which concurrent creates arrive
    (r"\d{8}T\d{6}-\w+", "TIME"),
    (r"^date: .*", "date: TIME"),
    (r"^(ok|warning)( +(?:versions|terminal): ).*", r"ok\2THIS MACHINE"),
)


async def test_every_command_prints_what_is_recorded(
    tmp_path: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pets.json").write_text(json.dumps(PETS))
    Path("broken").mkdir()
    Path("broken/drio.yaml").write_text(BROKEN)
    Path("newer.json").write_text(json.dumps(newer_pets()))
    numbered_ids = {"PYTHONPATH": str(FOLDER / "numbered_ids")}
    process = await asyncio.to_thread(lambda: start_sandbox(tmp_path / "sandbox", env=numbered_ids))
    try:
        transcripts = await asyncio.to_thread(lambda: dict(_transcripts(process, isolated)))
    finally:
        await asyncio.to_thread(kill_process, process)
    transcripts["help"] = "\n".join(_help(click.Context(cli, info_name="drio-tui", **cli.context_settings), cli))
    compare(FOLDER / "commands", transcripts, update=request.config.getoption("--update-golden"))


def _transcripts(process: SandboxProcess, home: Path) -> Iterator[tuple[str, str]]:
    """Run the commands; yield the name and the text of each transcript, without what differs from run to run."""
    for name, transcript in TRANSCRIPTS.items():
        server = ("--base-url", process.base_url) if transcript.on_server else ()
        env = {"COLUMNS": "100"} | ({"DRIO_TOKEN": process.token} if server else {})
        parts = []
        for command in transcript.commands:
            arguments = shlex.split(command.format(data=process.data_dir) if name == "sandbox" else command)
            result = preloaded.run(*arguments, *server, env=env, encoding="utf-8")
            parts.append(
                f"$ drio-tui {command}\n{result.stdout}--- stderr\n{result.stderr}--- exit code {result.returncode}\n"
            )
        text = "\n".join(parts).replace(str(process.data_dir), "DATA").replace(str(home), "HOME")
        text = text.replace(process.token, "TOKEN")
        for pattern, value in _VARYING:
            text = re.sub(pattern, value, text, flags=re.MULTILINE)
        yield name, "\n".join(line.rstrip() for line in normalised(text).splitlines()) + "\n"


def _help(context: click.Context, command: click.Command) -> Iterator[str]:
    """Yield the help of a command and of all its subcommands."""
    context.terminal_width = 100
    yield f"$ {context.command_path} --help\n{command.get_help(context)}\n"
    if isinstance(command, click.Group):
        names = COMMANDS if command is cli else command.list_commands(context)
        for name in names:
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            yield from _help(click.Context(subcommand, info_name=name, parent=context), subcommand)
