"""`check`, `deploy`, `connect`: what keeps an app from going live, taking it live, and where AI clients find it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, OutcomeUnknown, UsageError
from drio_tui.cli.common import completes, connection_options, guarded, inherited, refuse_read_only, run
from drio_tui.cli.output import Line, echo, echo_json, say, style, warn
from drio_tui.cli.read import find_app
from drio_tui.cli.render import plain, shown
from drio_tui.kinds import APP
from drio_tui.session import Session, connected
from drio_tui.text import count_of, did_you_mean, one_line
from drio_tui.tool_calls.token_count import kilobytes

if TYPE_CHECKING:
    from drio_tui.workspace.deploy.deploy_record import Change, Record
    from drio_tui.workspace.deploy.deployer import Deployed
    from drio_tui.workspace.lint.diagnostics import Diagnostic
    from drio_tui.workspace.lint.preflight import Preflight
    from drio_tui.workspace.model.snapshot import Snapshot


class NotReady(DrioError):
    """The preflight found errors."""

    title = "Not deployed"
    hint = "Mend them, or deploy all the same with --force."

    def __init__(self, report: Preflight) -> None:
        super().__init__(f"the preflight found {count_of(report.errors, 'error')}")
        self.report = report

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "details": self.report.as_dict()}


@click.command(
    epilog="Exit codes: 0 no errors (with --strict: and no warnings), 1 errors found or the app could not be read, "
    "2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP", shell_complete=completes("apps"))
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@connection_options
@guarded
def check(app: str, strict: bool, profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """Say what would break or embarrass if APP (id or slug) were deployed as it is."""

    async def work() -> Preflight:
        async with connected(**inherited(profile, base_url, sandbox), notice=say) as session:
            return await _report(session, await _read(session, await find_app(session.client, app)))

    report = run(work())
    if as_json:
        echo_json(report.as_dict())
    else:
        _show_report(report)
    if report.errors or (strict and report.warnings):
        raise SystemExit(1)


async def _read(session: Session, app_id: str) -> Snapshot:
    from drio_tui.workspace.deploy.deployer import read
    from drio_tui.workspace.saving.saver import Saver

    return await read(Saver(session.client), app_id)


async def _report(session: Session, snapshot: Snapshot) -> Preflight:
    from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
    from drio_tui.workspace.lint.preflight import preflight

    return preflight(snapshot, base_url=session.base_url, allowed=await allowed_hosts(session.client))


def _show_report(report: Preflight, *, err: bool = False) -> None:
    for finding in report.findings:
        for line in _finding_lines(finding):
            echo(*line, err=err)
    tools = count_of(report.tools, "tool")
    counts = f"{count_of(report.errors, 'error')}, {count_of(report.warnings, 'warning')}"
    cost = f"{kilobytes(report.bytes)} in the list of tools, about {report.tokens:,} tokens of a model's context"
    tail = f" {tools}, {cost}."
    echo(f"{counts if report.findings else 'No problems.'}{'.' if report.findings else ''}{tail}", err=err)


def _finding_lines(finding: Diagnostic) -> Iterable[Line]:
    good, ascii_only, colour = ("✗", "x", "red") if finding.severity == "error" else ("▲", "!", "yellow")
    sign = ascii_only if plain() else good
    where = f"{finding.key[0]} {finding.name}"
    yield (
        style(sign, fg=colour),
        " ",
        style(one_line(where, 80), bold=True),
        f": {one_line(finding.message, 300)}",
    )
    yield (f"  {one_line(finding.advice, 200)} [{finding.code}]",)


@click.command(
    epilog="Exit codes: 0 deployed (with --if-changed: or nothing to deploy), 1 not deployed (errors found, refused, "
    "or not known whether it happened), 2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP", shell_complete=completes("apps"))
@click.option("--force", is_flag=True, help="Deploy though the preflight finds errors.")
@click.option("--if-changed", is_flag=True, help="Deploy only if the app differs from the last deploy made from here.")
@click.option("--no-verify", is_flag=True, help="Do not connect to the endpoint afterwards.")
@connection_options
@guarded
def deploy(
    app: str,
    force: bool,
    if_changed: bool,
    no_verify: bool,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Deploy APP (id or slug) after a preflight, and look at the result as an AI client does."""
    refuse_read_only("--read-only deploys nothing; `drio-tui check` says what a deploy would meet")

    async def work() -> None:
        async with connected(**inherited(profile, base_url, sandbox), notice=say) as session:
            app_id = await find_app(session.client, app)
            snapshot = await _read(session, app_id)
            live = _live(session, snapshot) if if_changed else None
            if live is not None:
                _show_unchanged(app_id, live, as_json=as_json)
                return
            report = await _report(session, snapshot)
            if report.findings and not as_json:
                _show_report(report, err=True)
            if report.errors and not force:
                raise NotReady(report)
            done = await _deploy(session, app_id)
            seen = {} if no_verify or not done.endpoint else await _verify(done)
        if as_json:
            echo_json(
                {"app": app_id, "deployed": True, **done.as_dict(), "preflight": report.as_dict(), "seen": seen or None}
            )
        else:
            _show_deploy(done, seen)

    run(work())


def _live(session: Session, snapshot: Snapshot) -> Record | None:
    """The last deploy from here if it is what the app is now; None where a deploy would change something.

    A version that moved on since means that someone deployed or restored something else.
    """
    from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, changes_since, resources_of

    records = DeployRecordStore(session.server, snapshot.app_id)
    last = records.read()
    for notice in records.notices:
        say(notice)
    if last is None or snapshot.app is None or snapshot.app.text("version") != last.version:
        return None
    is_whole = not any(part.failures for part in snapshot.parts.values())
    return last if is_whole and not changes_since(last, resources_of(snapshot)) else None


def _show_unchanged(app_id: str, live: Record, *, as_json: bool) -> None:
    if as_json:
        last = {"version": live.version, "endpoint": live.endpoint or None, "revision": live.revision}
        echo_json({"app": app_id, "deployed": False, **last, "changes": []})
        return
    echo(one_line(live.endpoint) or "(the endpoint is not known)")
    say(f"Nothing changed since version {shown(live.version)}; not deployed.")


async def _deploy(session: Session, app_id: str) -> Deployed:
    from drio_tui.workspace.deploy.deploy_record import DeployRecordStore
    from drio_tui.workspace.deploy.deployer import Deployed as Done
    from drio_tui.workspace.deploy.deployer import deploy as deploy_now
    from drio_tui.workspace.deploy.deployer import refusal_lines
    from drio_tui.workspace.saving.journal import Journal
    from drio_tui.workspace.saving.save_result import Unknown
    from drio_tui.workspace.saving.saver import Saver

    saver = Saver(session.client, lambda one: Journal(session.profile, session.server, one))
    outcome = await deploy_now(saver, app_id, DeployRecordStore(session.server, app_id), lambda text: say(f"{text}…"))
    if isinstance(outcome, Done):
        for notice in outcome.notices:
            say(notice)
        return outcome
    if isinstance(outcome, Unknown):
        raise OutcomeUnknown(
            f"{outcome.error}; reading the app again does not show whether it happened",
            hint="Look at its version: drio-tui inspect. Deploying again does no harm.",
        ) from outcome.error
    lines = refusal_lines(outcome.error)
    if lines:
        outcome.error.message = "\n  ".join([outcome.error.message, *lines])
    raise outcome.error


async def _verify(done: Deployed) -> dict[str, Any]:
    """What a model sees at the endpoint, beside the config; an error where it cannot be seen."""
    from drio_tui.endpoint import connect as connect_to
    from drio_tui.workspace.deploy.model_view import differences

    say("Looking at it as an AI client does…")
    try:
        async with connect_to(done.endpoint) as live:
            tools = await live.tools()
    except DrioError as error:
        return {"error": error.as_dict()}
    found = differences(done.snapshot, live.server, tools)
    return {
        "server": {"name": live.server.name, "version": live.server.version, "protocol": live.server.protocol},
        "tools": [tool.name for tool in tools],
        "differences": [one.as_dict() for one in found],
    }


def _show_deploy(done: Deployed, seen: dict[str, Any]) -> None:
    echo(one_line(done.endpoint) or "(the endpoint is not known: no answer named it)")
    before = f"{shown(done.before)} {'->' if plain() else '→'} " if done.before else ""
    say(f"Deployed: version {before}{shown(done.version)}, config {done.revision}.")
    if done.doubt:
        answer = "was lost" if done.doubt == "lost" else "lacked the app or its endpoint"
        warn(f"The answer {answer}; reading the app again shows that it is live.")
    if done.moved:
        warn("Someone else changed the app meanwhile: what went live may be either of the two.")
    for line in _change_lines(done.changes):
        say(line)
    if "error" in seen:
        warn(f"It could not be looked at: {seen['error']['title']}: {seen['error']['message']}")
        warn(seen["error"].get("hint", ""))
    elif seen:
        tools = count_of(len(seen["tools"]), "tool")
        tell = warn if seen["differences"] else say
        tell(f"A model sees {tools}{', as the config says.' if not seen['differences'] else '. It differs:'}")
        for one in seen["differences"]:
            tell(f"  {one_line(one['tool'] or 'server', 64)}: {one_line(one['message'], 200)}")


def _change_lines(changes: Sequence[Change] | None) -> Iterable[str]:
    if changes is None:
        yield "It is the first deploy of it from here."
    elif not changes:
        yield "Nothing changed since the last deploy from here; --if-changed deploys only when something did."
    else:
        yield "Since the last deploy from here:"
        for change in changes:
            sign = {"added": "+", "removed": "-", "changed": "~"}[change.what]
            fields = ", ".join(one.dotted for one in change.fields)
            yield one_line(f"  {sign} {change.kind} {change.name}{': ' if fields else ''}{fields}", 200)


@click.command(
    epilog="Exit codes: 0 told, 1 the endpoint is not known or the app could not be read, 2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP", shell_complete=completes("apps"))
@click.option(
    "--client",
    "only",
    metavar="NAME",
    shell_complete=completes("clients"),
    help="Only one client: chatgpt, claude, claude-code, cursor …",
)
@click.option("--endpoint", metavar="URL", help="The endpoint, where this machine did not deploy the app.")
@connection_options
@guarded
def connect(
    app: str,
    only: str | None,
    endpoint: str | None,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Tell how AI clients are connected to the deployed APP (id or slug): steps on stderr, snippets on stdout."""
    from drio_tui.urls import explained
    from drio_tui.workspace.deploy.ai_clients import guides, reach
    from drio_tui.workspace.run.deployed_runner import NotDeployed, live_at

    async def work() -> tuple[str, str]:
        async with connected(**inherited(profile, base_url, sandbox), notice=say) as session:
            app_id = await find_app(session.client, app)
            raw = (await session.client.get(APP, app_id)).raw
            try:
                return endpoint or await live_at(session.client, raw), str(raw.get("slug") or "")
            except NotDeployed as error:
                raise DrioError(
                    error.message,
                    title="The endpoint is not known",
                    hint="Deploy it (drio-tui deploy), or name the endpoint with --endpoint URL.",
                ) from None

    url, slug = run(work())
    if why := one_line(explained(url), 200):
        if endpoint:
            raise UsageError(f"--endpoint is no address of an endpoint: {why}")
        raise DrioError(
            f"drio gave an address that is none: {why}",
            title="The endpoint cannot be used",
            hint="Name the endpoint with --endpoint URL.",
        )
    found = [guide for guide in guides(url, slug) if only in (None, guide.name)]
    if not found:
        known = [guide.name for guide in guides(url, slug)]
        hint = f"{did_you_mean(only or '', known)} The clients are: {', '.join(known)}.".strip()
        raise UsageError(f"there is no client {one_line(only or '', 40)}", hint=hint)
    where = reach(url)
    if as_json:
        clients = [asdict(guide) for guide in found]
        echo_json({"endpoint": url, "localOnly": where.local, "note": where.told or None, "clients": clients})
        return
    say(f"Endpoint: {one_line(url, 300)}")
    if where.told:
        say(where.told)
    for guide in found:
        say(f"\n{guide.title}")
        for number, step in enumerate(guide.steps, 1):
            say(f"  {number}. {step}")
        for snippet in guide.snippets:
            say(f"  {snippet.where}:")
            echo(snippet.text)
        if guide.after:
            say(f"  {guide.after}")
