"""`check`, `deploy`, `connect`: run the preflight of an app, deploy it, show how AI clients connect to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, OutcomeUnknown, UsageError
from drio_tui.cli.common import (
    ask_before,
    command_hint,
    completer,
    connection_options,
    effective_options,
    handle_errors,
    refuse_read_only,
    require_yes,
    run,
    yes_option,
)
from drio_tui.cli.output import echo, echo_json, info, warn
from drio_tui.cli.read import find_app
from drio_tui.cli.render import ascii_only, diagnostic_lines, format_value
from drio_tui.cli.review import app_name
from drio_tui.kinds import APP
from drio_tui.session import Session, command_session
from drio_tui.text import count_of, did_you_mean, one_line
from drio_tui.tool_calls.token_count import kilobytes

if TYPE_CHECKING:
    from drio_tui.workspace.deploy.deploy_record import Change, Record
    from drio_tui.workspace.deploy.deployer import Deployed
    from drio_tui.workspace.lint.preflight import Preflight
    from drio_tui.workspace.model.snapshot import Snapshot


class NotReady(DrioError):
    """The preflight found errors."""

    title = "Not deployed"
    hint = "Fix them, or deploy all the same with --force."

    def __init__(self, report: Preflight) -> None:
        super().__init__(f"the preflight found {count_of(report.errors, 'error')}")
        self.report = report

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "details": self.report.as_dict()}


@click.command(
    epilog="Exit codes: 0 no errors (with --strict: and no warnings), 1 errors found or the app could not be read, "
    "2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@connection_options
@handle_errors
def check(app: str, strict: bool, profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """Show the errors and warnings that a deploy of APP (id or slug) would have.

    `lint` shows the tools as each AI client lists them, with tokens per tool, and what each client refuses.
    """

    async def work() -> Preflight:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            return await _run_preflight(session, await _read_app(session, await find_app(session.client, app)))

    report = run(work())
    if as_json:
        echo_json(report.as_dict())
    else:
        _print_preflight(report)
    if report.errors or (strict and report.warnings):
        raise SystemExit(1)


async def _read_app(session: Session, app_id: str) -> Snapshot:
    from drio_tui.workspace.model.loader import read_app

    return await read_app(session.client, app_id, required=["app"])


async def _run_preflight(session: Session, snapshot: Snapshot) -> Preflight:
    from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
    from drio_tui.workspace.lint.chain_arguments import KnownRuns
    from drio_tui.workspace.lint.preflight import preflight
    from drio_tui.workspace.run.run_history import RunHistory

    known = KnownRuns.read(RunHistory(session.server_id, snapshot.app_id))
    return preflight(snapshot, base_url=session.base_url, allowed=await allowed_hosts(session.client), known=known)


def _print_preflight(report: Preflight, *, err: bool = False) -> None:
    for diagnostic in report.diagnostics:
        for line in diagnostic_lines(diagnostic):
            echo(*line, err=err)
    tools = count_of(report.tools, "tool")
    counts = f"{count_of(report.errors, 'error')}, {count_of(report.warnings, 'warning')}"
    cost = f"{kilobytes(report.bytes)} in the list of tools, about {report.tokens:,} tokens of a model's context"
    tail = f" {tools}, {cost}."
    echo(f"{counts if report.diagnostics else 'No problems.'}{'.' if report.diagnostics else ''}{tail}", err=err)


@click.command(
    epilog="Exit codes: 0 deployed (with --if-changed: or nothing to deploy), 1 not deployed (errors found, refused, "
    "or not known whether it happened), 2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.option("--force", is_flag=True, help="Deploy though the preflight finds errors.")
@click.option("--if-changed", is_flag=True, help="Deploy only if the app differs from the last deploy made from here.")
@click.option("--no-verify", is_flag=True, help="Do not connect to the endpoint afterwards.")
@yes_option
@connection_options
@handle_errors
def deploy(
    app: str,
    force: bool,
    if_changed: bool,
    no_verify: bool,
    yes: bool,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Deploy APP (id or slug) after a preflight, and look at the result as an AI client does.

    Asks before it goes live.
    """
    from drio_tui.cassette import active

    refuse_read_only(f"--read-only deploys nothing; `{command_hint('check', app)}` shows what a deploy would meet")
    require_yes(yes=yes)

    async def work() -> None:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            app_id = await find_app(session.client, app)
            player = active.player()
            verify = not no_verify and (player is None or player.has_calls())
            result = await deploy_app(
                session, app_id, force=force, if_changed=if_changed, verify=verify, quiet=as_json, yes=yes
            )
        if as_json:
            echo_json(result)

    run(work())


async def deploy_app(
    session: Session,
    app_id: str,
    *,
    force: bool = False,
    if_changed: bool = False,
    verify: bool = True,
    quiet: bool,
    yes: bool,
) -> dict[str, Any]:
    """Deploy an app after a preflight, and print what happens unless `quiet`; return the JSON of it.

    Asks before the deploy unless `yes`.
    Raises `NotReady` if the preflight finds errors (unless `force`), and the `DrioError` that refused the deploy.
    """
    snapshot = await _read_app(session, app_id)
    last = _last_deploy(session, snapshot)
    if if_changed and last is not None and _is_unchanged(last, snapshot):
        if not quiet:
            _print_unchanged(last)
        unchanged = {"version": last.version, "endpoint": last.endpoint or None, "revision": last.revision}
        return {"app": app_id, "deployed": False, **unchanged, "changes": []}
    report = await _run_preflight(session, snapshot)
    if report.diagnostics and not quiet:
        _print_preflight(report, err=True)
    if report.errors and not force:
        raise NotReady(report)
    ask_before(f"Deploy {one_line(app_name(snapshot), 80)} on {session.host}? It goes live.", yes=yes)
    result = await _deploy(session, app_id)
    model_view = await _read_model_view(result) if verify and result.endpoint else {}
    if not quiet:
        _print_deploy(result, model_view, last.version if last is not None else "")
    preflight = report.as_dict()
    return {"app": app_id, "deployed": True, **result.as_dict(), "preflight": preflight, "seen": model_view or None}


def _last_deploy(session: Session, snapshot: Snapshot) -> Record | None:
    """Return the last deploy made from this machine, None if there is none."""
    from drio_tui.workspace.deploy.deploy_record import DeployRecordStore

    records = DeployRecordStore(session.server_id, snapshot.app_id)
    last = records.read()
    for notice in records.notices:
        info(notice)
    return last


def _is_unchanged(last: Record, snapshot: Snapshot) -> bool:
    """Return whether the last deploy made from this machine is live, and a deploy would change nothing.

    Another version of the app means that another client deployed or restored something else since.
    """
    from drio_tui.workspace.deploy.deploy_record import changes_since, resources_of

    if snapshot.app is None or snapshot.app.text("version") != last.version:
        return False
    is_whole = not any(part.failures for part in snapshot.parts.values())
    return is_whole and not changes_since(last, resources_of(snapshot))


def _print_unchanged(last: Record) -> None:
    echo(one_line(last.endpoint) or "(the endpoint is not known)")
    info(f"Nothing changed since version {format_value(last.version)}; not deployed.")


async def _deploy(session: Session, app_id: str) -> Deployed:
    """Deploy the app and print the progress. Raises `OutcomeUnknown`, or the `DrioError` that refused the deploy."""
    from drio_tui.workspace.deploy import deployer
    from drio_tui.workspace.deploy.deploy_record import DeployRecordStore
    from drio_tui.workspace.saving.journal import Journal
    from drio_tui.workspace.saving.save_result import Unknown
    from drio_tui.workspace.saving.saver import Saver

    saver = Saver(session.client, lambda app: Journal(session.profile, session.server_id, app))
    records = DeployRecordStore(session.server_id, app_id)
    outcome = await deployer.deploy(saver, app_id, records, lambda text: info(f"{text}…"))
    if isinstance(outcome, deployer.Deployed):
        for notice in outcome.notices:
            info(notice)
        return outcome
    if isinstance(outcome, Unknown):
        raise OutcomeUnknown(
            f"{outcome.error}; reading the app again does not show whether it happened",
            hint=f"Look at its version: `{command_hint('inspect', app_id)}`. Deploying again does no harm.",
        ) from outcome.error
    lines = deployer.refusal_lines(outcome.error)
    if lines:
        outcome.error.message = "\n  ".join([outcome.error.message, *lines])
    raise outcome.error


async def _read_model_view(result: Deployed) -> dict[str, Any]:
    """Connect to the endpoint and return, as JSON, what a model sees and how that differs from the config.

    If the connection fails, the result has `error` only.
    """
    from drio_tui.endpoint import connect as connect_to
    from drio_tui.workspace.deploy.model_view import differences

    info("Looking at it as an AI client does…")
    try:
        async with connect_to(result.endpoint) as endpoint:
            tools = await endpoint.tools()
    except DrioError as error:
        return {"error": error.as_dict()}
    server = endpoint.server
    return {
        "server": {"name": server.name, "version": server.version, "protocol": server.protocol},
        "tools": [tool.name for tool in tools],
        "differences": [difference.as_dict() for difference in differences(result.snapshot, server, tools)],
    }


def _print_deploy(result: Deployed, model_view: dict[str, Any], last: str) -> None:
    """Print a deploy, and how it differs from the `last` version deployed from here, empty if there is none."""
    echo(one_line(result.endpoint) or "(the endpoint is not known: no response named it)")
    before = f"{format_value(result.before)} {'->' if ascii_only() else '→'} " if result.before else ""
    info(f"Deployed: version {before}{format_value(result.version)}, config {result.revision}.")
    if result.doubt:
        answer = "was lost" if result.doubt == "lost" else "lacked the app or its endpoint"
        warn(f"The response {answer}; reading the app again shows that it is live.")
    if result.changed_meanwhile:
        warn("Someone else changed the app meanwhile: what went live may be either of the two.")
    for line in _change_lines(result.changes, last, result.before):
        info(line)
    if "error" in model_view:
        warn(f"It could not be looked at: {model_view['error']['title']}: {model_view['error']['message']}")
        warn(model_view["error"].get("hint", ""))
    elif model_view:
        tools = count_of(len(model_view["tools"]), "tool")
        differs = bool(model_view["differences"])
        print_line = warn if differs else info
        print_line(f"A model sees {tools}{'. It differs:' if differs else ', as the config says.'}")
        for difference in model_view["differences"]:
            print_line(f"  {one_line(difference['tool'] or 'server', 64)}: {one_line(difference['message'], 200)}")


def _change_lines(changes: Sequence[Change] | None, last: str, before: str) -> Iterable[str]:
    """Yield what a deploy changed since the version `last`, that from here; `before` was live before it."""
    is_other = bool(last and before and last != before)
    if is_other:
        was = f"version {one_line(before, 40)} was live, deployed or restored elsewhere"
        yield f"Before it, {was}; the last deploy from here was version {one_line(last, 40)}."
    if changes is None:
        yield "It is the first deploy of it from here."
    elif not changes and is_other:
        yield "The app is as it was at the last deploy from here, which is live again."
    elif not changes:
        yield "Nothing changed since the last deploy from here; --if-changed deploys only when something did."
    else:
        yield "Since the last deploy from here:"
        for change in changes:
            sign = {"added": "+", "removed": "-", "changed": "~"}[change.what]
            fields = ", ".join(field.dotted for field in change.fields)
            yield one_line(f"  {sign} {change.kind} {change.name}{': ' if fields else ''}{fields}", 200)


@click.command(
    epilog="Exit codes: 0 shown, 1 the endpoint is not known or the app could not be read, 2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.option(
    "--client",
    "client_name",
    metavar="NAME",
    shell_complete=completer("clients"),
    help="Only one client: chatgpt, claude, claude-code, cursor …",
)
@click.option("--endpoint", metavar="URL", help="The endpoint, where this machine did not deploy the app.")
@connection_options
@handle_errors
def connect(
    app: str,
    client_name: str | None,
    endpoint: str | None,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Show how AI clients are connected to the deployed APP (id or slug): steps on stderr, snippets on stdout."""
    from drio_tui.urls import url_error_with_address
    from drio_tui.workspace.deploy.ai_clients import client_instructions, reach
    from drio_tui.workspace.deploy.deploy_record import NotDeployed, endpoint_of_app

    async def work() -> tuple[str, str]:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            app_id = await find_app(session.client, app)
            raw = (await session.client.get(APP, app_id)).raw
            try:
                return endpoint or await endpoint_of_app(session.client, raw), str(raw.get("slug") or "")
            except NotDeployed as error:
                raise DrioError(
                    error.message,
                    title="The endpoint is not known",
                    hint=f"Deploy it (`{command_hint('deploy', app)}`), or name the endpoint with --endpoint URL.",
                ) from None

    url, slug = run(work())
    if reason := one_line(url_error_with_address(url), 200):
        if endpoint:
            raise UsageError(f"--endpoint is no address of an endpoint: {reason}")
        raise DrioError(
            f"drio gave an address that is none: {reason}",
            title="The endpoint cannot be used",
            hint="Name the endpoint with --endpoint URL.",
        )
    clients = [client for client in client_instructions(url, slug) if client_name in (None, client.name)]
    if not clients:
        known = [client.name for client in client_instructions(url, slug)]
        hint = f"{did_you_mean(client_name or '', known)} The clients are: {', '.join(known)}.".strip()
        raise UsageError(f"there is no client {one_line(client_name or '', 40)}", hint=hint)
    reachability = reach(url)
    if as_json:
        echo_json(
            {
                "endpoint": url,
                "localOnly": reachability.local,
                "note": reachability.advice or None,
                "clients": [asdict(client) for client in clients],
            }
        )
        return
    info(f"Endpoint: {one_line(url, 300)}")
    if reachability.advice:
        info(reachability.advice)
    for client in clients:
        info(f"\n{client.title}")
        for number, step in enumerate(client.steps, 1):
            info(f"  {number}. {step}")
        for snippet in client.snippets:
            info(f"  {snippet.where}:")
            echo(snippet.text)
        if client.after:
            info(f"  {client.after}")
