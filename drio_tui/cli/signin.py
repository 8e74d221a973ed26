"""`login`, `logout`, `status`: the browser sign-in from the command line.

Progress goes to stderr (with `--json` as one JSON object per line), the result to stdout. While `login` waits, the
redirect URL that the browser ended at may be pasted.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from drio_tui.cli.common import effective_options, handle_errors, profile_option, refuse_replay, run
from drio_tui.cli.output import echo, echo_json, info, style
from drio_tui.cli.render import iso_time
from drio_tui.cli.sign_in_events import (
    accept_pasted_url,
    load_settings,
    notifier,
    notify_of_event,
    notify_of_profile_notices,
    sandbox_url,
)
from drio_tui.text import one_line

if TYPE_CHECKING:
    from drio_tui.auth.flow import SignInResult
    from drio_tui.auth.profiles import Profile
    from drio_tui.auth.token_store import TokenStore
    from drio_tui.launcher import RunningSandbox

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
@handle_errors
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
    from drio_tui.auth.flow import SignInFlow
    from drio_tui.auth.profiles import Profiles, token_variable
    from drio_tui.auth.token_store import TokenStore

    refuse_replay("a replay cannot sign in")
    options = effective_options(profile, base_url, sandbox)
    profiles = Profiles.load()
    notify = notifier(as_json)
    url = sandbox_url(options["data_dir"], notify) if options["sandbox"] else options["base_url"]
    chosen = profiles.resolve(options["profile"], url, new=True)
    chosen = replace(chosen, pinned_file=insecure_storage or chosen.pinned_file)
    insecure = insecure_storage or load_settings(notify).insecure_storage
    notify_of_profile_notices(profiles, notify)
    if variable := token_variable(chosen.name):
        notify("notice", f"{variable} is set and overrides this sign-in until you unset it.")

    async def work() -> SignInResult:
        sign_in = SignInFlow(
            chosen,
            store=TokenStore(insecure=insecure, notice=lambda text: notify("notice", text)),
            profiles=profiles,
            on_event=lambda event: notify_of_event(event, notify, as_json),
            open_browser=not no_browser,
            timeout=timeout,
            client_id=client_id,
            register_again=register_again,
            scopes=_parse_scopes(scope),
        )
        with accept_pasted_url(sign_in, notify, piped=no_browser):
            return await sign_in.run()

    result = run(work())
    if as_json:
        echo_json(_result_as_dict(result))
        return
    stored = result.profile
    echo(f"Signed in to {one_line(stored.host)} as {one_line(result.account.label or '-')} (profile {stored.name}).")


@click.command()
@profile_option
@click.option("--all", "all_profiles", is_flag=True, help="Every profile.")
@_json
@handle_errors
def logout(profile: str | None, all_profiles: bool, as_json: bool) -> None:
    """Sign out: revoke the tokens at the server and forget them here."""
    from drio_tui.api.errors import DrioError, UsageError
    from drio_tui.auth.errors import StoreFailed
    from drio_tui.auth.logout import SignedOutResult, log_out
    from drio_tui.auth.profiles import TOKEN_VARIABLE, Profiles, token_variable
    from drio_tui.auth.token_store import TokenStore
    from drio_tui.cli import completing
    from drio_tui.workspace import last_apps

    refuse_replay("a replay cannot sign out")
    notify = notifier(as_json)
    profiles = Profiles.load()
    notify_of_profile_notices(profiles, notify)
    name = effective_options(profile, None, False)["profile"]
    if all_profiles:
        chosen = list(profiles)
    elif name is not None:
        named = profiles.get(name)
        if named is None:
            raise UsageError(f"There is no profile {name}.", hint="`drio-tui status` lists them.")
        chosen = [named]
    else:
        chosen = [profiles.current] if profiles.current is not None else []
    failures: list[DrioError] = []

    async def work() -> list[SignedOutResult]:
        store = TokenStore(notice=lambda text: notify("notice", text))
        results = []
        for chosen_profile in chosen:
            try:
                results.append(await log_out(chosen_profile, store, profiles))
            except StoreFailed as error:  # the other profiles are still signed out
                failures.append(error)
        return results

    results = run(work())
    for forget in (completing.clear_cache, last_apps.forget_all):  # they hold the names of the account's apps
        forget()
    for result in results:
        if result.problem:
            notify("problem", result.problem)
        if not as_json:
            outcome = "Signed out of" if result.was_signed_in else "Was not signed in to"
            tokens = "token" if result.copies == 1 else f"{result.copies} tokens"
            revoked = f", {tokens} revoked" if result.revoked else ""
            echo(f"{outcome} {one_line(result.profile.host)} (profile {result.profile.name}{revoked}).")
    if not chosen and not as_json:
        info("Nobody is signed in.")
    variables = {token_variable(signed_out.name) for signed_out in chosen} or {TOKEN_VARIABLE}
    for variable in sorted(name for name in variables if os.environ.get(name)):
        notify("notice", f"{variable} is still set; only you can unset it.")
    if as_json:
        echo_json(
            {
                "profiles": [
                    {"profile": result.profile.name, "wasSignedIn": result.was_signed_in, "revoked": result.revoked}
                    for result in results
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
@click.option("--sandbox", is_flag=True, help="Show whether the local sandbox runs, and where.")
@_json
@handle_errors
def status(profile: str | None, sandbox: bool, as_json: bool) -> None:
    """Show which profile, host and account are in use, where the token is kept and when it expires."""
    from drio_tui.api.errors import SignInRequired, UsageError
    from drio_tui.auth.profiles import Profiles
    from drio_tui.auth.token_store import TokenStore

    notify = notifier(as_json)
    insecure = load_settings(notify).insecure_storage
    options = effective_options(profile, None, sandbox)
    if options["sandbox"]:
        if options["profile"]:
            raise UsageError("--sandbox cannot be combined with --profile.")
        raise SystemExit(_print_sandbox_status(options["data_dir"], as_json))
    profiles = Profiles.load()
    notify_of_profile_notices(profiles, notify)
    chosen = profiles.resolve(options["profile"])
    shown = list(profiles) if options["profile"] is None else []
    if chosen not in shown:
        shown = [*shown, chosen]

    async def work() -> list[dict[str, Any]]:
        store = TokenStore(insecure=insecure, notice=lambda text: notify("notice", text))
        return [
            await _profile_state(shown_profile, store, is_current=shown_profile.name == chosen.name)
            for shown_profile in shown
        ]

    states = run(work())
    current = next(state for state in states if state["current"])
    if as_json:
        echo_json(current | {"profiles": states})
    else:
        for state in states:
            _print_profile_state(state)
    if not current["signedIn"]:
        raise SystemExit(1 if current.get("problem") else SignInRequired.exit_code)


# --- status --------------------------------------------------------------------------------------


async def _profile_state(profile: Profile, store: TokenStore, *, is_current: bool) -> dict[str, Any]:
    """Return the state of a profile for `--json`, without secrets; no request is sent."""
    from drio_tui.auth.bearer import token_from_environment
    from drio_tui.auth.errors import StoreFailed

    problem = None
    from_environment = token_from_environment(profile.name) if is_current else None
    try:
        if from_environment is None:
            tokens = await store.load(profile)
            place, label = await store.place(profile)
        else:
            tokens, place, label = None, "", "the environment, never stored"
    except StoreFailed as error:
        tokens, place, label, problem = None, "", "unreadable", error.message
    expires_at = tokens.expires_at or None if tokens else None
    expired = expires_at is not None and expires_at <= time.time()
    unusable = expired and tokens is not None and not tokens.refresh_token
    state: dict[str, Any] = {
        "profile": profile.name,
        "current": is_current,
        "baseUrl": profile.base_url,
        "host": profile.host,
        "account": profile.account if from_environment is None else None,
        "signedIn": (tokens is not None and not unusable) or from_environment is not None,
        "source": from_environment.source if from_environment else ("sign-in" if tokens else None),
        "tokenStore": place or None,
        "store": label,
        "expiresAt": iso_time(expires_at),
        "expired": expired,
        "refreshable": bool(tokens and tokens.refresh_token),
        "scopes": tokens.scope.split() if tokens else [],
    }
    if problem:
        state["problem"] = problem
    return state


def _print_sandbox_status(data_dir: str | None, as_json: bool) -> int:
    """Print whether the sandbox runs and return the exit code."""
    running = _find_sandbox(data_dir)
    url = running.base_url if running else None
    if as_json:
        echo_json({"profile": "sandbox", "current": True, "baseUrl": url, "signedIn": running is not None})
    elif url:
        echo(f"The sandbox runs at {url}; its local user is signed in.")
    else:
        echo("The sandbox does not run; any command with --sandbox starts it.")
    return 0 if running else 1


def _print_profile_state(state: dict[str, Any]) -> None:
    mark = "*" if state["current"] else " "
    echo(f"{mark} ", style(one_line(state["profile"]), bold=True))
    if state["source"] == "sign-in" or state["account"]:
        account = state["account"] or "unknown account"
    else:
        account = "whoever the token belongs to" if state["signedIn"] else "nobody"
    rows = [("host", state["host"]), ("account", account)]
    if not state["signedIn"]:
        rows.append(("state", state.get("problem") or "signed out"))
        rows.append(("storage", state["store"]))
    else:
        source = state["source"]
        rows.append(("token from", source if source == "sign-in" else f"{source} (overrides sign-ins)"))
        rows.append(("kept in", state["store"]))
        rows.append(("expires", _expiry_text(state)))
    for name, value in rows:
        echo(f"    {name:<13}{one_line(value)}")


def _expiry_text(state: dict[str, Any]) -> str:
    if state["expiresAt"] is None:
        return "not known"
    renewal = "renewed automatically" if state["refreshable"] else "then sign in again"
    return f"{state['expiresAt']}{' (expired)' if state['expired'] else ''}, {renewal}"


# --- login ---------------------------------------------------------------------------------------


def _parse_scopes(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes of all `--scope` options, each of which may hold several. Raises `UsageError`."""
    from drio_tui.api.errors import UsageError
    from drio_tui.auth.www_authenticate import parse_scopes

    text = " ".join(values)
    parsed = parse_scopes(text)
    if set(parsed) != set(text.split()) or (values and not parsed):
        raise UsageError(f"{one_line(text, 80)} cannot be a scope.", hint="For example --scope openid --scope email.")
    return parsed


def _result_as_dict(result: SignInResult) -> dict[str, Any]:
    return {
        "profile": result.profile.name,
        "baseUrl": result.profile.base_url,
        "host": result.profile.host,
        "account": result.account.label,
        "tokenStore": result.profile.token_store,
        "store": result.storage_label,
        "expiresAt": iso_time(result.tokens.expires_at or None),
        "scopes": result.tokens.scope.split(),
        "missingScopes": list(result.missing_scopes),
    }


def _find_sandbox(data_dir: str | None) -> RunningSandbox | None:
    from drio_tui.launcher import find_running, resolve_data_dir

    return find_running(resolve_data_dir(data_dir))
