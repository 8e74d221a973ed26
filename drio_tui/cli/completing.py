"""Shell completion of arguments: apps, templates and the resources of an app from a private cache, profiles, kinds …

The shell waits while this runs, so nothing here sends a request: a separate process (`python -m
drio_tui.cli.completing`) fills the cache. If the cache is empty, completion waits `_WAIT_SECONDS` for that process,
which then continues in the background. It is started only for a user who is signed in, or for a running sandbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

from drio_tui.cli.output import echo_code
from drio_tui.storage import files, paths
from drio_tui.storage.cache import CacheFolder
from drio_tui.text import one_line

if TYPE_CHECKING:
    from drio_tui.kinds import Kind

VARIABLE = "_DRIO_TUI_COMPLETE"
"""The environment variable with which click's completion scripts call the program."""

FRESH_SECONDS = 30.0
"""Age up to which cached names are not read again."""

MAX_AGE_SECONDS = 86_400.0
"""Age beyond which cached names are not offered."""

_FILES = CacheFolder("completion")
_WAIT_SECONDS = 0.6
_RETRY_SECONDS = 10.0
_FETCH_SECONDS = 10.0
_MAX_NAMES = 2_000
_SAFE_NAME = re.compile(r"[A-Za-z0-9._/@+-]{1,200}")
"""Names that no shell has to quote; others are not offered."""

_OF_ACCOUNT = frozenset({"apps", "templates"})
"""Categories that do not belong to an app."""

CachedNames = dict[str, list[list[str]]]
"""`apps` and `templates`, or the lists of an app (`tools` …): each of pairs of a name and a short description."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server and the account that a command line refers to; the cache file is named after a hash of `name`.

    With `app` (an id, slug or name) it is the resources of that app that are cached.
    """

    name: str
    profile: str | None = None
    base_url: str | None = None
    sandbox_dir: str | None = None
    app: str = ""

    @property
    def path(self) -> Path:
        return _FILES.path(self.name)


class Bash(BashComplete):
    """Completion for bash, which splits words at colons: the parts of a URL are joined again."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        joined: list[str] = []
        for word in words:
            if joined and (word == ":" or joined[-1].endswith(":")):
                joined[-1] += word
            else:
                joined.append(word)
        return joined, incomplete


def prepare() -> None:
    """Register the completion of bash; to be called before click completes a line."""
    add_completion_class(Bash, "bash")


# --- completion ----------------------------------------------------------------------------------


def complete(category: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the names of a category (see `common.completer`) that begin with `incomplete`; empty if none is known."""
    return [
        CompletionItem(name, help=one_line(description, 60) or None)
        for name, description in _names(category, ctx)
        if name.startswith(incomplete) and _SAFE_NAME.fullmatch(name.removesuffix("="))
    ]


def _names(category: str, ctx: click.Context) -> list[list[str]]:
    """Return pairs of a name and a short description."""
    match category:
        case "kinds":
            from drio_tui.kinds import KINDS

            return [[kind.list_key, ""] for kind in KINDS.values()]
        case "clients":
            from drio_tui.workspace.deploy.ai_clients import client_instructions

            return [[guide.name, guide.title] for guide in client_instructions("", "")]
        case "linted clients":
            from drio_tui.workspace.lint.clients import CLIENTS

            return [[client.name, client.title] for client in CLIENTS.values()]
        case "fault presets":
            from drio_tui.sandbox.faults.presets import PRESETS

            return [[preset.name, preset.description] for preset in PRESETS.values()]
        case "profiles":
            from drio_tui.auth.profiles import Profiles

            return [[profile.name, profile.host] for profile in Profiles.load()]
        case "custom templates":
            from drio_tui.cli.sandbox_options import data_folder
            from drio_tui.sandbox.catalogue import catalogue

            data = ctx.params.get("data")
            templates = catalogue(data_folder(Path(data) if data else None, ctx))
            return [[template.id, template.name] for template in templates.values() if template.is_custom]
        case "api-operations":
            return _api_operations(ctx)
        case "resources" | "assignments":
            from drio_tui.kinds import kind_named

            kind = kind_named(str(ctx.params.get("kind_name") or ""))
            if kind is None:
                return []
            properties = _assignable(kind) if category == "assignments" else []
            return [*_cached(ctx, kind.list_key), *properties]
    return _cached(ctx, category)


def _api_operations(ctx: click.Context) -> list[list[str]]:
    """Return the methods, or the paths that a method has, as far as their first parameter."""
    from drio_tui.cli.request import METHODS
    from drio_tui.explorer.known import known_operations

    words = ctx.params.get("words") or ()
    if not words:
        return [[method, ""] for method in METHODS]
    base_url = _base_url(ctx) if len(words) == 1 else ""
    method = str(words[0]).upper()
    paths = {
        path.partition("{")[0]: "" if "{" in path else summary
        for known_method, path, summary in (known_operations(base_url) if base_url else ())
        if known_method == method
    }
    return [[path, summary] for path, summary in paths.items()]


def _base_url(ctx: click.Context) -> str:
    """Return the base URL of the server that a command line refers to; empty if there is none."""
    from drio_tui.api.errors import DrioError
    from drio_tui.auth.profiles import Profiles
    from drio_tui.launcher import find_running

    try:
        target = _target(ctx)
        if target is None:
            return ""
        if target.sandbox_dir:
            running = find_running(Path(target.sandbox_dir))
            return running.base_url if running is not None else ""
        return Profiles.load().resolve(target.profile, target.base_url).base_url
    except DrioError:  # an invalid profile or base URL
        return ""


def _assignable(kind: Kind[Any]) -> list[list[str]]:
    """Return the properties of a kind that can be set, as the beginnings of assignments."""
    model = kind.patch_model
    return [[f"{field.alias}=", field.description or ""] for field in model.model_fields.values()] if model else []


def clear_cache() -> None:
    """Delete all files of the cache."""
    _FILES.clear()


# --- the cache -----------------------------------------------------------------------------------


def _cached(ctx: click.Context, category: str) -> list[list[str]]:
    """Return the cached names; those older than `FRESH_SECONDS` are read again in the background."""
    from drio_tui.api.errors import DrioError

    try:
        target = _target(ctx)
    except DrioError:  # an invalid profile or base URL
        return []
    if target is None:
        return []
    if category not in _OF_ACCOUNT:
        app = str(ctx.params.get("app") or "")
        if not app:
            return []
        target = replace(target, name=f"{target.name}\0{app}", app=app)
    names, age = _read(target)
    if age > FRESH_SECONDS:
        process = _start_refresh(target)
        if process is not None and not names:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_WAIT_SECONDS)
            names, _ = _read(target)
    return names.get(category, [])


def _target(ctx: click.Context) -> Target | None:
    """Return the server and account to ask; None if nobody is signed in there, or if the sandbox does not run."""
    from drio_tui.auth.bearer import token_from_environment
    from drio_tui.auth.profiles import Profiles, token_variable

    outer = ctx.find_root().params
    below_sandbox = ctx.parent is not None and ctx.parent.info_name == "sandbox"
    if below_sandbox or ctx.params.get("sandbox") or outer.get("sandbox"):
        from drio_tui.launcher import find_running

        folder = Path(ctx.params.get("data") or outer.get("data") or paths.sandbox_dir()).expanduser().absolute()
        return Target(f"sandbox {folder}", sandbox_dir=str(folder)) if find_running(folder) else None
    name = ctx.params.get("profile") or outer.get("profile")
    base_url = ctx.params.get("base_url") or outer.get("base_url")
    profile = Profiles.load().resolve(name, base_url)
    if token_from_environment(profile.name) is not None:
        token = os.environ[token_variable(profile.name)]
        return Target(f"{profile.base_url} {hashlib.sha256(token.encode()).hexdigest()}", name, base_url)
    return Target(profile.entry, name, base_url) if profile.account or profile.account_id else None


def _read(target: Target) -> tuple[CachedNames, float]:
    """Return the cached names and their age in seconds; no names if the file is missing, unreadable or too old."""
    try:
        cached = json.loads(files.read_private(target.path))
        age = time.time() - float(cached["at"])
        names = {
            category: [[str(name), str(description)] for name, description in pairs]
            for category, pairs in cached.items()
            if category != "at"
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}, MAX_AGE_SECONDS
    return (names, age) if 0 <= age < MAX_AGE_SECONDS else ({}, MAX_AGE_SECONDS)


def _start_refresh(target: Target) -> subprocess.Popen[bytes] | None:
    """Start the process that fills the cache; None if one was started in the last `_RETRY_SECONDS`."""
    marker = target.path.with_suffix(".asked")
    try:
        files.private_dir(target.path.parent)
        if marker.exists() and 0 <= time.time() - marker.stat().st_mtime < _RETRY_SECONDS:
            return None
        files.write_private(marker, b"")
        return subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", "drio_tui.cli.completing", json.dumps(asdict(target))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != VARIABLE},
        )
    except OSError:  # the cache cannot be written, or no process can be started
        return None


# --- the process that fills the cache ------------------------------------------------------------


async def _fetch(target: Target) -> CachedNames:
    """Read the apps and templates from the server, or the resources of an app. Raises `DrioError`."""
    import asyncio

    from drio_tui.cli.read import find_app
    from drio_tui.kinds import APP, KINDS
    from drio_tui.launcher import find_running
    from drio_tui.session import open_session

    running = find_running(Path(target.sandbox_dir)) if target.sandbox_dir else None
    if target.sandbox_dir and running is None:
        return {}
    session = await open_session(
        profile=target.profile, base_url=target.base_url, sandbox=running is not None, running=running
    )
    try:
        if target.app:
            config = await session.client.config(await find_app(session.client, target.app))
            return {kind.list_key: _pairs(kind, config) for kind in KINDS.values() if kind is not APP}
        apps, templates = await asyncio.gather(session.client.list(APP), session.client.templates())
    finally:
        await session.aclose()
    return {
        "apps": [_pair(app, ("slug", "id")) for app in apps.items],
        "templates": [_pair(template, ("id",)) for template in templates.items],
    }


def _pairs(kind: Kind[Any], config: dict[str, Any]) -> list[list[str]]:
    """Return the keys and names of an app's resources; operations as INTEGRATION/OPERATION."""
    resources = config.get(kind.list_key)
    items = [item for item in resources if isinstance(item, dict)] if isinstance(resources, list) else []
    pairs = [_pair(item, ("key", "id")) for item in items]
    if kind.parent is None:
        return pairs
    integrations = config.get("integrations")
    parents = {item.get("id"): item for item in integrations if isinstance(item, dict)} if integrations else {}
    for item, pair in zip(items, pairs, strict=True):
        parent = _pair(parents.get(item.get(kind.parent[0]), {}), ("key", "id"))[0]
        if parent and pair[0]:
            pair[0] = f"{parent}/{pair[0]}"
    return pairs


def _pair(item: dict[str, Any], properties: tuple[str, ...]) -> list[str]:
    """Return the first of the properties that needs no quoting, and the item's name as the description."""
    values = (str(item.get(property_name) or "") for property_name in properties)
    return [next((value for value in values if _SAFE_NAME.fullmatch(value)), ""), str(item.get("name") or "")[:200]]


def main(argument: str) -> None:
    """Fill the cache for the target in `argument` (JSON).

    If the server cannot be read, the old names are kept, and are not read again before `FRESH_SECONDS` have passed.
    """
    import asyncio

    from drio_tui.api.errors import DrioError

    target = Target(**json.loads(argument))
    before, _ = _read(target)
    names: CachedNames = ({} if target.app else {"apps": [], "templates": []}) | before
    with contextlib.suppress(DrioError, TimeoutError, OSError):
        names |= asyncio.run(asyncio.wait_for(_fetch(target), _FETCH_SECONDS))
    body = {"at": time.time()} | {category: pairs[:_MAX_NAMES] for category, pairs in names.items()}
    with contextlib.suppress(OSError):
        folder = files.private_dir(target.path.parent)
        files.write_private(target.path, json.dumps(body).encode("ascii"))
        for path in folder.iterdir():
            if time.time() - path.stat().st_mtime > MAX_AGE_SECONDS:
                path.unlink(missing_ok=True)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and names in SHELL.

    Load it when the shell starts:

    \b
    bash:  eval "$(drio-tui completion bash)"    in ~/.bashrc
    zsh:   eval "$(drio-tui completion zsh)"     in ~/.zshrc
    fish:  drio-tui completion fish > ~/.config/fish/completions/drio-tui.fish
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise click.UsageError(f"there is no completion for {shell}")
    echo_code(completion_class(ctx.find_root().command, {}, "drio-tui", VARIABLE).source())


if __name__ == "__main__":
    main(sys.argv[1])
