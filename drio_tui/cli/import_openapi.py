"""`import`: operations of an OpenAPI document into an app, the twin of the import screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, UsageError
from drio_tui.cli.common import (
    CREDENTIAL,
    completes,
    connection_options,
    guarded,
    inherited,
    no_such,
    refuse_read_only,
    run,
)
from drio_tui.cli.output import echo, echo_json, prompt_secret, say, style, warn
from drio_tui.cli.render import shown, table
from drio_tui.cli.streams import can_ask
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.openapi_import.document import Document
    from drio_tui.openapi_import.errors import Problem
    from drio_tui.openapi_import.existing import Present
    from drio_tui.openapi_import.model import Scheme
    from drio_tui.openapi_import.planning import NewConnection, Plan
    from drio_tui.session import Session
    from drio_tui.workspace.model.snapshot import Snapshot

_LONGEST_SECRET = 64 << 10


@click.command("import")
@click.argument("app", metavar="APP", shell_complete=completes("apps"))
@click.argument("source", metavar="SOURCE")
@click.option("--operation", "operations", metavar="METHOD:PATH", multiple=True, help="Take this one; may be repeated.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Take all with this tag; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Take all that can be taken.")
@click.option("--server", metavar="URL", help="Where the API is, instead of what the document says.")
@click.option("--into", metavar="INTEGRATION", help="Add to this integration (id or key) instead of a new one.")
@click.option("--name", metavar="NAME", help="The new integration's name; the document's title unless given.")
@click.option("--auth", metavar="CONNECTION", help="The auth connection (id or key) that the integration uses.")
@click.option(
    "--auth-secret",
    "auth_secret",
    is_flag=True,
    help="Create the connection that the document asks for. The secret is read from DRIO_UPSTREAM_SECRET or standard "
    "input, or asked for.",
)
@click.option("--auth-scheme", metavar="NAME", help="With --auth-secret: which of the document's security schemes.")
@click.option("--auth-user", metavar="TEXT", help="With --auth-secret: the user name, or the OAuth client id.")
@click.option("--allow-host", is_flag=True, help="Let the sandbox call the API although its address is a private one.")
@click.option("--no-tools", is_flag=True, help="Create operations only, no tools.")
@click.option("--no-check", is_flag=True, help="Do not check what is taken against the OpenAPI specification.")
@click.option("--dry-run", is_flag=True, help="Print what would be created, and create nothing.")
@connection_options
@guarded
def import_openapi(app: str, source: str, **options: Any) -> None:
    """Create operations of APP (its id or slug), with tools, from the OpenAPI 3.x document SOURCE.

    SOURCE is a file, an http(s) address, or - for standard input. Without --operation, --tag or --all the
    document's operations are listed and nothing is created. What APP has of the document already is left as it is.
    """
    run(_Import(app, source, options).work())


class _Import:
    def __init__(self, app: str, source: str, options: dict[str, Any]) -> None:
        self._app, self._source = app, source
        self._given = options
        self._json: bool = options["as_json"]

    async def work(self) -> None:
        from drio_tui.openapi_import.document import open_document

        given = self._given
        async with await open_document(self._source) as document:
            if not (given["operations"] or given["tags"] or given["everything"]):
                self._list(document)
                return
            chosen = self._chosen(document)
            checked = () if given["no_check"] else (await document.check(chosen)).problems
            if not given["dry_run"]:
                refuse_read_only("--read-only creates nothing; --dry-run shows what would be.")
            secret = self._secret(document, chosen)
            await self._in_app(document, chosen, checked, secret)

    def _secret(self, document: Document, chosen: list[str]) -> dict[str, Any]:
        """The body of the connection that --auth-secret asks for; empty without it. Raises `UsageError`."""
        from drio_tui.openapi_import.security import BY_PROVIDER, connection_of

        given = self._given
        if not given["auth_secret"]:
            if given["auth_scheme"] or given["auth_user"]:
                raise UsageError("--auth-scheme and --auth-user go with --auth-secret")
            return {}
        if given["auth"]:
            raise UsageError("--auth names a connection that is there, --auth-secret creates one: give one of them")
        scheme = self._scheme(document, chosen)
        members = BY_PROVIDER[scheme.provider]
        if members.user and not given["auth_user"]:
            raise UsageError(
                f"{one_line(scheme.name, 60)} needs the {members.user_label}", hint="Add --auth-user TEXT."
            )
        if given["dry_run"]:
            return connection_of(scheme, document.title, user=given["auth_user"] or "")
        place = f"{members.secret_label} for {one_line(document.title, 60)} ({one_line(scheme.about, 80)})"
        secret = _read_secret(place, document_on_stdin=self._source.strip() == "-")
        return connection_of(scheme, document.title, secret=secret, user=given["auth_user"] or "")

    def _scheme(self, document: Document, chosen: list[str]) -> Scheme:
        name = self._given["auth_scheme"]
        known = ", ".join(one_line(one.name, 40) for one in document.schemes) or "none"
        if name:
            scheme = next((one for one in document.schemes if one.name == name), None)
        else:
            scheme = document.proposal(chosen)
        if scheme is None:
            what = f"no security scheme {one_line(name, 60)}" if name else "no sign-in for what is taken"
            raise UsageError(f"the document names {what}", hint=f"The document's security schemes: {known}.")
        if not scheme.provider:
            raise UsageError(f"{one_line(scheme.name, 60)} ({one_line(scheme.about, 80)}): {scheme.problem}")
        return scheme

    async def _in_app(
        self, document: Document, chosen: list[str], checked: tuple[Problem, ...], connection: dict[str, Any]
    ) -> None:
        from drio_tui.cli.read import find_app
        from drio_tui.openapi_import.existing import present_in
        from drio_tui.openapi_import.planning import NewConnection
        from drio_tui.openapi_import.security import same_connection
        from drio_tui.session import connected
        from drio_tui.workspace.deploy.deployer import read
        from drio_tui.workspace.saving.saver import Saver

        given = self._given
        where = inherited(given["profile"], given["base_url"], given["sandbox"])
        async with connected(**where, notice=say) as session:
            snapshot = await read(Saver(session.client), await find_app(session.client, self._app))
            for part in snapshot.parts.values():  # what could not be read would be made once more
                if part.error is not None:
                    raise part.error
            connections = [resource.raw for resource in snapshot.resources("auth") if isinstance(resource.raw, dict)]
            auth: str | NewConnection = ""
            if given["auth"]:
                auth = str(_named(connections, given["auth"], "auth connection")["id"])
            elif connection:
                offered = [resource.text("key") for resource in snapshot.resources("provider")]
                if connection["providerKey"] not in offered:
                    raise UsageError(f"this drio has no provider {connection['providerKey']}", hint="Use --auth.")
                auth = NewConnection(connection, same_connection(connections, connection))
            present = present_in(snapshot)
            into = _named([*present.integrations], given["into"], "integration") if given["into"] else None
            plan = await self._planned(document, chosen, present, auth, into)
            if given["dry_run"]:
                self._show(plan, checked)
            else:
                await self._make(session, snapshot.app_id, plan, checked)
            await self._after(session, document, snapshot, plan)

    async def _planned(
        self,
        document: Document,
        chosen: list[str],
        present: Present,
        auth: str | NewConnection,
        into: Mapping[str, Any] | None,
    ) -> Plan:
        from drio_tui.openapi_import.planning import Target

        given = self._given
        target: Target | str = given["name"] or ""
        if into is not None:
            target = Target(str(into["id"]), str(into.get("baseUrl") or ""))
        return await document.plan(
            chosen,
            base_url=given["server"] or "",
            integration=target,
            auth=auth,
            tools=not given["no_tools"],
            present=present,
        )

    async def _after(self, session: Session, document: Document, snapshot: Snapshot, plan: Plan) -> None:
        """Say what is still missing before the tools can be called: a sign-in, and leave for a private address."""
        from drio_tui.openapi_import.security import BY_PROVIDER
        from drio_tui.tool_calls.egress import origin_text
        from drio_tui.workspace.lint.allowed_hosts import allow, allowed_hosts
        from drio_tui.workspace.lint.import_source import MEMBER
        from drio_tui.workspace.lint.reachability import private_origin

        made = [resource for resource in plan.resources if resource.kind == "integration"]
        for resource in made:
            there = snapshot.resource("integration", resource.changes) if resource.changes else None
            wanted = resource.body.get("config", {}).get(MEMBER, {}).get("signIn")
            if wanted and not resource.links and not (there is not None and there.text("authId")):
                scheme = document.proposal(one.id for one in document.operations)
                able = scheme is not None and scheme.provider in BY_PROVIDER
                way = "--auth-secret creates the connection, --auth names one" if able else "--auth names a connection"
                warn(
                    f"▲ The document wants a sign-in ({one_line(' or '.join(wanted), 120)}), and none is given: {way}."
                )
        known = await allowed_hosts(session.client)
        if known is None:
            return
        urls = [str(resource.body["baseUrl"]) for resource in made if "baseUrl" in resource.body]
        urls += [there.text("baseUrl") for id in plan.used if (there := snapshot.resource("integration", id))]
        for url in dict.fromkeys(urls):
            origin = private_origin(url, session.base_url)
            if origin is None or origin in known:
                continue
            if self._given["allow_host"] and not self._given["dry_run"]:
                await allow(session.client, origin)
                say(f"The sandbox may call {origin_text(origin)}.")
            else:
                warn(f"▲ {origin_text(origin)} is a private address. {known.advice(origin)}")

    def _chosen(self, document: Document) -> list[str]:
        given = self._given
        wanted: dict[str, None] = {}
        for text in given["operations"]:
            method, mark, path = text.partition(":")
            id = f"{method.strip().upper()} {path.strip()}" if mark else text.strip()
            offered = document.offered(id)
            if offered is None:
                raise UsageError(
                    f"the document has no operation {one_line(id, 200)}",
                    hint="Leave --operation out to list what it has.",
                )
            if offered.obstacle:
                raise UsageError(f"{one_line(id, 200)} cannot be taken. {offered.obstacle}")
            wanted[id] = None
        for tag in given["tags"]:
            tagged = [one.id for one in document.operations if tag in one.tags and not one.obstacle]
            if not tagged:
                known = ", ".join(one_line(one, 40) for one in document.tags[:20]) or "none"
                raise UsageError(f"no operation has the tag {one_line(tag, 80)}", hint=f"The document's tags: {known}.")
            wanted |= dict.fromkeys(tagged)
        if given["everything"]:
            wanted |= dict.fromkeys(one.id for one in document.operations if not one.obstacle)
        return [one.id for one in document.operations if one.id in wanted]

    def _list(self, document: Document) -> None:
        if self._json:
            from dataclasses import asdict

            echo_json(
                {
                    "document": asdict(document.head),
                    "operations": [asdict(one) | {"safe": one.safe} for one in document.operations],
                    "problems": [problem.as_dict() for problem in document.problems],
                }
            )
            return
        rows = (
            [
                shown(one.method, 10),
                shown(one.path, 100),
                "reads" if one.safe else "changes",
                shown(", ".join(one.tags), 24),
                str(one.tokens),
                shown(f"cannot be taken: {one.obstacle}" if one.obstacle else one.summary, 70),
            ]
            for one in document.operations
        )
        for line in table(("method", "path", "does", "tag", "tokens", "summary"), rows):
            echo(*line)
        say(f"{one_line(document.title, 80)}: {count_of(len(document.operations), 'operation')}, nothing was created.")
        say("Take some with --operation METHOD:PATH, --tag TAG or --all. Tokens are estimated from what clients get.")
        _tell(document.problems)

    def _show(self, plan: Plan, checked: tuple[Problem, ...]) -> None:
        if self._json:
            echo_json(plan.as_dict() | {"checked": [problem.as_dict() for problem in checked]})
            return
        _tell_skipped(plan)
        for resource in plan.resources:
            echo(f"would {'change' if resource.changes else 'create'} {shown(resource.about, 160)}")
        from drio_tui.tool_calls.token_count import kilobytes

        cost = f"{kilobytes(plan.bytes)}, about {plan.tokens:,} tokens of a model's context"
        say(f"{count_of(len(plan.resources), 'resource')}; the list of tools grows by {cost}.")
        _tell((*plan.problems, *checked))

    async def _make(self, session: Session, app: str, plan: Plan, checked: tuple[Problem, ...]) -> None:
        from drio_tui.openapi_import.import_batch import batch
        from drio_tui.workspace.saving.batch import Result
        from drio_tui.workspace.saving.duplicate import made_id
        from drio_tui.workspace.saving.journal import Journal
        from drio_tui.workspace.saving.saver import Saver

        saver = Saver(session.client, lambda one: Journal(session.profile, session.server, one))
        work = batch(saver, app, plan)

        def tell(result: Result) -> None:
            if not self._json:
                mark = style("✓", fg="green") if result.ok else style("✗", fg="red")
                echo(mark, f" {shown(result.task.about, 160)}")
                if not result.ok:
                    warn(f"  {result.problem}")

        if not self._json:
            _tell_skipped(plan)
            _tell((*plan.problems, *checked))
        await work.run(on_result=tell)
        if self._json:
            results = zip(plan.resources, work.results, strict=True)
            echo_json(
                {
                    "resources": [
                        {
                            "kind": resource.kind,
                            "key": resource.body.get("key"),
                            "source": resource.source,
                            "id": made_id(result.outcome) if result and result.outcome else "",  # type: ignore[arg-type] # a create's
                            "problem": result.problem if result else "",
                        }
                        for resource, result in results
                    ],
                    "skipped": [{"source": one.source, "key": one.key} for one in plan.skipped],
                    "tokens": plan.tokens,
                    "bytes": plan.bytes,
                    "problems": [problem.as_dict() for problem in (*plan.problems, *checked)],
                }
            )
        if not work.done:
            failed = len(work.failed)
            raise DrioError(
                f"{failed} of {count_of(len(plan.resources), 'resource')} were not created; the others were.",
                title="Not all was created",
                hint="The same command again creates what is missing; `z` in the program takes back what was created.",
            )


def _read_secret(label: str, *, document_on_stdin: bool) -> str:
    """The secret: from the environment, asked for, or a line of standard input. Raises `UsageError`."""
    import os
    import sys

    found = os.environ.get(CREDENTIAL, "")
    if not found and can_ask():
        found = prompt_secret(label)
    elif not found and not document_on_stdin:
        try:
            found = sys.stdin.readline(_LONGEST_SECRET + 1).strip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"the {label} cannot be read from standard input") from None
    if len(found) > _LONGEST_SECRET:
        raise UsageError(f"the {label} is longer than {_LONGEST_SECRET:,} characters")
    if not found:
        raise UsageError(f"the {label} is needed", hint=f"Set {CREDENTIAL}, or give it on standard input.")
    return found


def _tell_skipped(plan: Plan) -> None:
    if plan.skipped:
        say(f"{count_of(len(plan.skipped), 'operation')} of these the app has already:")
        for one in plan.skipped[:20]:
            say(f"  {one_line(one.source, 120)} ({one_line(one.key, 64)})")
        if len(plan.skipped) > 20:
            say(f"  and {len(plan.skipped) - 20} more (--json has all)")
    if not plan.resources:
        say("There is nothing to create.")


def _named(resources: Sequence[Mapping[str, Any]], wanted: str, what: str) -> Mapping[str, Any]:
    for member in ("id", "key"):
        for resource in resources:
            if resource.get(member) == wanted:
                return resource
    known = [str(resource.get("key")) for resource in resources]
    listed = f"There are: {', '.join(one_line(key, 40) for key in known[:20]) or 'none'}."
    raise no_such(f"{what} has the id or key", wanted, known, otherwise=listed)


def _tell(problems: tuple[Problem, ...]) -> None:
    places = ((problem.operation or problem.where, problem.message) for problem in problems)
    told = list(dict.fromkeys(f"{where}: {message}" if where else message for where, message in places))
    for text in told[:20]:
        warn(f"▲ {text}")
    if len(told) > 20:
        warn(f"▲ and {len(told) - 20} more (--json has all)")
