"""`login`, `logout`, `status`: the browser sign-in from the command line.

stderr tells what happens (with `--json` one JSON object per line), stdout holds the result. The address
the browser ended at may be pasted while `login` waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from drio_tui.cli.common import guarded, inherited, profile_option, run
from drio_tui.cli.output import echo, echo_json, is_quiet, say, style, warn
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from drio_tui.auth.events import Event
    from drio_tui.auth.flow import SignInFlow, SignInResult
    from drio_tui.auth.profiles import Profile, Profiles
    from drio_tui.auth.token_store import Vault
    from drio_tui.launcher import RunningSandbox
    from drio_tui.settings import Settings

_PASTE_SECONDS = 0.15
_NEEDED = frozenset({"url", "paste", "paste-refused", "still-waiting", "problem"})
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")


@click.command()
@profile_option
@click.option("--base-url", metavar="URL", help="The drio host (default: the profile's, or https://getdrio.com).")
@click.option("--sandbox", is_flag=True, help="Sign in to the local sandbox that is running.")
@click.option("--no-browser", is_flag=True, help="Open no browser; paste the address it ended at.")
@click.option("--client-id", metavar="ID", help="Use this OAuth client instead of registering one.")
@click.option(
    "--scope", "scope", metavar="SCOPE", multiple=True, help="Ask for this scope only; can be given more than once."
)
@click.option("--register-again", is_flag=True, help="Forget the client that was registered and register a new one.")
@click.option("--insecure-storage", is_flag=True, help="Keep tokens in a private file, not in the keyring.")
@click.option(
    "--timeout", type=click.FloatRange(1, 3600), default=300, show_default=True, help="Seconds to wait for the browser."
)
@_json
@guarded
def login(
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    no_browser: bool,
    client_id: str | None,
    scope: tuple[str, ...],
    register_again: bool,
    insecure_storage: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Sign in through the browser."""
    from drio_tui.auth.bearer import TOKEN_VARIABLE
    from drio_tui.auth.flow import SignInFlow
    from drio_tui.auth.profiles import Profiles
    from drio_tui.auth.token_store import Vault

    wanted = inherited(profile, base_url, sandbox)
    profiles = Profiles.load()
    narrate = _narrator(as_json)
    url = _sandbox_url(wanted["data_dir"], narrate) if wanted["sandbox"] else wanted["base_url"]
    chosen = profiles.resolve(wanted["profile"], url, new=True)
    chosen = replace(chosen, pinned_file=insecure_storage or chosen.pinned_file)
    insecure = insecure_storage or _settings(narrate).insecure_storage
    _flush(profiles, narrate)
    if os.environ.get(TOKEN_VARIABLE):
        narrate("notice", f"{TOKEN_VARIABLE} is set and overrides this sign-in until you unset it.")

    async def work() -> SignInResult:
        sign_in = SignInFlow(
            chosen,
            store=Vault(insecure=insecure, notice=lambda text: narrate("notice", text)),
            profiles=profiles,
            on_event=lambda event: _show(event, narrate, as_json),
            open_browser=not no_browser,
            timeout=timeout,
            client_id=client_id,
            register_again=register_again,
            scopes=_scopes(scope),
        )
        with _pasting(sign_in, narrate, piped=no_browser):
            return await sign_in.run()

    done = run(work())
    if as_json:
        echo_json(_signed_in_json(done))
        return
    kept = done.profile
    echo(f"Signed in to {one_line(kept.host)} as {one_line(done.account.label or '-')} (profile {kept.name}).")


@click.command()
@profile_option
@click.option("--all", "everyone", is_flag=True, help="Every profile.")
@_json
@guarded
def logout(profile: str | None, everyone: bool, as_json: bool) -> None:
    """Sign out: revoke the tokens at the server and forget them here."""
    from drio_tui.api.errors import DrioError, UsageError
    from drio_tui.auth.bearer import TOKEN_VARIABLE
    from drio_tui.auth.errors import StoreFailed
    from drio_tui.auth.logout import SignedOutResult, log_out
    from drio_tui.auth.profiles import Profiles
    from drio_tui.auth.token_store import Vault
    from drio_tui.cli import completing

    narrate = _narrator(as_json)
    profiles = Profiles.load()
    _flush(profiles, narrate)
    name = inherited(profile, None, False)["profile"]
    if everyone:
        leaving = list(profiles)
    elif name is not None:
        found = profiles.get(name)
        if found is None:
            raise UsageError(f"There is no profile {name}.", hint="`drio-tui status` lists them.")
        leaving = [found]
    else:
        leaving = [profiles.current] if profiles.current is not None else []
    failures: list[DrioError] = []

    async def work() -> list[SignedOutResult]:
        store = Vault(notice=lambda text: narrate("notice", text))
        results = []
        for one in leaving:
            try:
                results.append(await log_out(one, store, profiles))
            except StoreFailed as failure:  # the others are still signed out
                failures.append(failure)
        return results

    results = run(work())
    completing.forget()  # the names of apps are as private as the account
    for result in results:
        if result.problem:
            narrate("problem", result.problem)
        if not as_json:
            what = "Signed out of" if result.was_signed_in else "Was not signed in to"
            tokens = "token" if result.copies == 1 else f"{result.copies} tokens"
            revoked = f", {tokens} revoked" if result.revoked else ""
            echo(f"{what} {one_line(result.profile.host)} (profile {result.profile.name}{revoked}).")
    if not leaving and not as_json:
        say("Nobody is signed in.")
    if os.environ.get(TOKEN_VARIABLE):
        narrate("notice", f"{TOKEN_VARIABLE} is still set; only you can unset it.")
    if as_json:
        echo_json(
            {
                "profiles": [
                    {"profile": r.profile.name, "wasSignedIn": r.was_signed_in, "revoked": r.revoked} for r in results
                ]
            }
        )
    if failures:
        raise failures[0]


@click.command(
    epilog="Exit codes: 0 signed in (with --sandbox: it runs), 1 the token store cannot be read or the sandbox does "
    "not run, 2 usage, 4 signed out."
)
@profile_option
@click.option("--sandbox", is_flag=True, help="Say whether the local sandbox runs, and where.")
@_json
@guarded
def status(profile: str | None, sandbox: bool, as_json: bool) -> None:
    """Say which profile, host and account are in use, where the token is kept and when it expires."""
    from drio_tui.api.errors import SignInRequired, UsageError
    from drio_tui.auth.profiles import Profiles
    from drio_tui.auth.token_store import Vault

    narrate = _narrator(as_json)
    insecure = _settings(narrate).insecure_storage
    wanted = inherited(profile, None, sandbox)
    if wanted["sandbox"]:
        if wanted["profile"]:
            raise UsageError("--sandbox cannot be combined with --profile.")
        raise SystemExit(_sandbox_status(wanted["data_dir"], as_json))
    profiles = Profiles.load()
    _flush(profiles, narrate)
    chosen = profiles.resolve(wanted["profile"])
    shown = list(profiles) if wanted["profile"] is None else []
    if chosen not in shown:
        shown = [*shown, chosen]

    async def work() -> list[dict[str, Any]]:
        store = Vault(insecure=insecure, notice=lambda text: narrate("notice", text))
        return [await _state(one, store, is_current=one.name == chosen.name) for one in shown]

    states = run(work())
    current = next(state for state in states if state["current"])
    if as_json:
        echo_json(current | {"profiles": states})
    else:
        for state in states:
            _print_state(state)
    if not current["signedIn"]:
        raise SystemExit(1 if current.get("problem") else SignInRequired.exit_code)


# --- status --------------------------------------------------------------------------------------


async def _state(profile: Profile, store: Vault, *, is_current: bool) -> dict[str, Any]:
    """One profile as data. Never a secret, never the network."""
    from drio_tui.auth.bearer import token_from_environment
    from drio_tui.auth.errors import StoreFailed

    problem = None
    given = token_from_environment() if is_current else None
    try:
        tokens = await store.load(profile) if given is None else None
        place, label = await store.place(profile) if given is None else ("", "the environment, never stored")
    except StoreFailed as failure:
        tokens, place, label, problem = None, "", "unreadable", failure.message
    expires = datetime.fromtimestamp(tokens.expires_at, UTC) if tokens and tokens.expires_at else None
    expired = bool(expires and expires <= datetime.now(UTC))
    over = expired and tokens is not None and not tokens.refresh_token
    state: dict[str, Any] = {
        "profile": profile.name,
        "current": is_current,
        "baseUrl": profile.base_url,
        "host": profile.host,
        "account": profile.account if given is None else None,
        "signedIn": (tokens is not None and not over) or given is not None,
        "source": given.source if given else ("sign-in" if tokens else None),
        "tokenStore": place or None,
        "store": label,
        "expiresAt": expires.isoformat(timespec="seconds").replace("+00:00", "Z") if expires else None,
        "expired": expired,
        "refreshable": bool(tokens and tokens.refresh_token),
        "scopes": tokens.scope.split() if tokens else [],
    }
    if problem:
        state["problem"] = problem
    return state


def _sandbox_status(data_dir: str | None, as_json: bool) -> int:
    """Print whether the sandbox runs; gives the exit code."""
    running = _sandbox_running(data_dir)
    url = running.base_url if running else None
    if as_json:
        echo_json({"profile": "sandbox", "current": True, "baseUrl": url, "signedIn": running is not None})
    elif url:
        echo(f"The sandbox runs at {url}; its local user is signed in.")
    else:
        echo("The sandbox does not run; any command with --sandbox starts it.")
    return 0 if running else 1


def _print_state(state: dict[str, Any]) -> None:
    mark = "*" if state["current"] else " "
    echo(f"{mark} ", style(one_line(state["profile"]), bold=True))
    if state["source"] == "sign-in" or state["account"]:
        who = state["account"] or "unknown account"
    else:
        who = "whoever the token belongs to" if state["signedIn"] else "nobody"
    rows = [("host", state["host"]), ("account", who)]
    if not state["signedIn"]:
        rows.append(("state", state.get("problem") or "signed out"))
        rows.append(("storage", state["store"]))
    else:
        rows.append(("token from", "DRIO_TOKEN (overrides sign-ins)" if state["source"] != "sign-in" else "sign-in"))
        rows.append(("kept in", state["store"]))
        rows.append(("expires", _expiry(state)))
    for name, value in rows:
        echo(f"    {name:<13}{one_line(value)}")


def _expiry(state: dict[str, Any]) -> str:
    if state["expiresAt"] is None:
        return "not known"
    renewal = "renewed by itself" if state["refreshable"] else "then sign in again"
    return f"{state['expiresAt']}{' (over)' if state['expired'] else ''}, {renewal}"


# --- login ---------------------------------------------------------------------------------------


def _scopes(given: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of `--scope`, each given alone or several in one text. Raises `UsageError`."""
    from drio_tui.api.errors import UsageError
    from drio_tui.auth.www_authenticate import scopes

    text = " ".join(given)
    found = scopes(text)
    if set(found) != set(text.split()) or (given and not found):
        raise UsageError(f"{one_line(text, 80)} cannot be a scope.", hint="For example --scope openid --scope email.")
    return found


def _signed_in_json(done: SignInResult) -> dict[str, Any]:
    expires = done.tokens.expires_at
    return {
        "profile": done.profile.name,
        "baseUrl": done.profile.base_url,
        "host": done.profile.host,
        "account": done.account.label,
        "tokenStore": done.profile.token_store,
        "store": done.place,
        "expiresAt": datetime.fromtimestamp(expires, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if expires
        else None,
        "scopes": done.tokens.scope.split(),
        "missingScopes": list(done.missing_scopes),
    }


def _sandbox_running(data_dir: str | None) -> RunningSandbox | None:
    from drio_tui.launcher import data_folder, find_running

    return find_running(data_folder(data_dir))


def _sandbox_url(data_dir: str | None, narrate: Callable[[str, str], None]) -> str:
    from drio_tui.launcher import ensure_sandbox

    return run(ensure_sandbox(data_dir, on_line=lambda text: narrate("notice", text))).base_url


def _settings(narrate: Callable[[str, str], None]) -> Settings:
    """The settings in force, with what is wrong with them told: none may fall out of force unseen."""
    from drio_tui.settings import Settings

    settings = Settings.load()
    for problem in settings.problems:
        narrate("notice", problem)
    return settings


def _narrator(as_json: bool) -> Callable[[str, str], None]:
    """Tell `(event, text)` on stderr; with `--quiet` only what signing in or out cannot do without."""

    def narrate(event: str, text: str) -> None:
        if is_quiet() and event not in _NEEDED:
            return
        if as_json:
            echo_json({"event": event, "text": text}, compact=True, err=True)
        else:
            warn(text)

    return narrate


def _flush(profiles: Profiles, narrate: Callable[[str, str], None]) -> None:
    while profiles.notices:
        narrate("notice", profiles.notices.pop(0))


def _show(event: Event, narrate: Callable[[str, str], None], as_json: bool) -> None:
    from drio_tui.auth import events

    match event:
        case events.StepStarted(text=text) if not as_json:
            narrate("step", f"{text} …")
        case events.UrlReady(url=url):
            narrate("url", url if as_json else f"\nOpen this address in a browser:\n\n  {url}\n")
        case events.PasteOffered(reason=reason):
            narrate("paste", f"{reason}. After allowing access, paste the address of the last page here.")
        case events.Waiting(timeout=seconds) if not as_json:
            narrate("waiting", f"Waiting up to {duration(seconds)}. The last page's address can be pasted here.")
        case events.StillWaiting():
            narrate(
                "still-waiting",
                "Nothing has come back yet. If the browser shows an error page such as invalid_client, "
                "stop with Ctrl+C and run `drio-tui login --register-again`.",
            )
        case events.Notice(text=text):
            narrate("notice", text)
        case _:
            pass


@contextlib.contextmanager
def _pasting(sign_in: SignInFlow, narrate: Callable[[str, str], None], *, piped: bool) -> Iterator[None]:
    """Hand every line typed while the block runs to the sign-in; end of input just ends the listening.

    A pipe is read only when the person asked for pasting, so that `login` in a script's loop eats nothing.
    """
    from drio_tui.auth.errors import PasteRefused

    try:
        handle = sys.stdin.fileno()
        mode = os.fstat(handle).st_mode
        wanted = os.isatty(handle) or (piped and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)))
    except (OSError, ValueError, AttributeError):  # no stdin at all
        wanted = False
    if not wanted or sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    buffer = bytearray()
    flush: asyncio.TimerHandle | None = None

    def take() -> None:
        text = buffer.decode("utf-8", "replace").strip()
        buffer.clear()
        if not text:
            return
        try:
            sign_in.paste(text)
        except PasteRefused as refusal:
            narrate("paste-refused", f"{refusal.title}: {refusal.message} {refusal.hint}".strip())

    def readable() -> None:
        nonlocal flush
        try:
            data = os.read(handle, 65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if flush is not None:
            flush.cancel()
        if not data:
            loop.remove_reader(handle)
            take()
            return
        buffer.extend(data)
        if b"\n" in data:  # an address that was wrapped arrives as several lines at once
            flush = loop.call_later(_PASTE_SECONDS, take)

    try:
        loop.add_reader(handle, readable)
    except (OSError, NotImplementedError):  # a kind of input that cannot be watched
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(handle)
        if flush is not None:
            flush.cancel()
