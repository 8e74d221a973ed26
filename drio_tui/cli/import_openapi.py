"""`import`: create operations and tools of an app from an OpenAPI document, as the import screen does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, UsageError
from drio_tui.cli.common import (
    ask_before,
    completer,
    connection_options,
    effective_options,
    handle_errors,
    refuse_read_only,
    require_yes,
    run,
    yes_option,
)
from drio_tui.cli.output import echo, echo_json, info, style, warn
from drio_tui.cli.render import format_value, table
from drio_tui.cli.values import Inputs, read_secret
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.openapi_import.document import Document
    from drio_tui.openapi_import.errors import DocumentProblem
    from drio_tui.openapi_import.existing import ExistingResources
    from drio_tui.openapi_import.model import Scheme
    from drio_tui.openapi_import.planning import NewConnection, Plan, PlannedResource
    from drio_tui.openapi_import.proposals import Proposals
    from drio_tui.session import Session
    from drio_tui.workspace.model.snapshot import Snapshot


@click.command(
    "import",
    epilog="Exit codes: 0 done, 1 not or not all of it done, 2 usage, 3 with --detailed-exitcode: there are changes, "
    "4 sign-in needed.",
)
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("source", metavar="SOURCE")
@click.option("--operation", "operations", metavar="METHOD:PATH", multiple=True, help="Take this one; may be repeated.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Take all with this tag; may be repeated.")
@click.option("--all", "take_all", is_flag=True, help="Take all that can be taken.")
@click.option("--server", metavar="URL", help="Where the API is, instead of what the document says.")
@click.option("--into", metavar="INTEGRATION", help="Add to this integration (key, name or id) instead of a new one.")
@click.option("--name", metavar="NAME", help="The new integration's name; the document's title unless given.")
@click.option("--auth", metavar="CONNECTION", help="The auth connection (key, name or id) that the integration uses.")
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
@click.option(
    "--propose",
    "propose",
    type=click.Choice(["all", "name", "description", "annotations", "widget", "chain"]),
    multiple=True,
    help="Make tools better than the document says: take this part of the proposals, or all; may be repeated.",
)
@click.option("--no-check", is_flag=True, help="Do not check what is taken against the OpenAPI specification.")
@click.option("--dry-run", is_flag=True, help="Print what would be created or changed, and change nothing.")
@click.option("--update", is_flag=True, help="Bring what was imported up to date with a newer SOURCE.")
@click.option("--prune", is_flag=True, help="With --update: delete what was imported and SOURCE lacks, tools too.")
@click.option(
    "--on-conflict",
    type=click.Choice(["document", "drio"]),
    help="With --update: which side counts where both changed, or where it is not known; drio unless given.",
)
@click.option("--markdown", is_flag=True, help="With --update --dry-run: print Markdown, for a pull-request comment.")
@click.option("--detailed-exitcode", is_flag=True, help="With --update --dry-run: exit with 3 if there are changes.")
@yes_option
@connection_options
@handle_errors
def import_openapi(app: str, source: str, **options: Any) -> None:
    """Create operations of APP (its id or slug), with tools, from the OpenAPI 3.x document SOURCE.

    SOURCE is a file, an http(s) address, or - for standard input. Without --operation, --tag or --all the
    document's operations are listed and nothing is created. What APP has of the document already is left as it is.

    With --update what APP has is changed to what the document says now, except what was edited in drio; without
    --operation, --tag or --all no operations are added. Operations that are gone are named, and deleted with --prune.
    """
    run(_Import(app, source, options).run())


class _Import:
    """One call of the command; `options` are its click parameters."""

    def __init__(self, app: str, source: str, options: dict[str, Any]) -> None:
        self.app, self._source = app, source
        self._options = options
        self._json: bool = options["as_json"]

    async def run(self) -> None:
        """List the document's operations, or import the chosen ones. Raises `DrioError`."""
        from drio_tui.openapi_import.document import open_document

        options = self._options
        self._refuse_options()
        async with await open_document(self._source) as document:
            selects = bool(options["operations"] or options["tags"] or options["take_all"])
            if options["update"]:
                from drio_tui.cli.import_update import update_app

                if not options["dry_run"]:
                    refuse_read_only("--read-only changes nothing; --dry-run shows what would be.")
                chosen = self._chosen_ids(document) if selects else []
                connection = self._connection_body(document, chosen)
                await update_app(self, document, chosen if selects else None, connection, options)
                return
            if not selects:
                self._list_operations(document)
                return
            chosen = self._chosen_ids(document)
            checked = () if options["no_check"] else (await document.check(chosen)).problems
            if not options["dry_run"]:
                refuse_read_only("--read-only creates nothing; --dry-run shows what would be.")
                require_yes(yes=options["yes"])
            connection = self._connection_body(document, chosen)
            await self._import_into_app(document, chosen, checked, connection)

    def _refuse_options(self) -> None:
        """Raise `UsageError` for options that mean nothing together."""
        options = self._options
        if options["propose"] and (options["update"] or options["no_tools"]):
            other = "update" if options["update"] else "no-tools"
            raise UsageError(f"--propose is about new tools, and --{other} makes none")
        if not options["update"]:
            given = [name for name in ("prune", "on_conflict", "markdown", "detailed_exitcode") if options[name]]
            if given:
                raise UsageError(f"--{given[0].replace('_', '-')} goes with --update")
            return
        if not options["dry_run"] and (options["markdown"] or options["detailed_exitcode"]):
            name = "markdown" if options["markdown"] else "detailed-exitcode"
            raise UsageError(f"--{name} goes with --dry-run")
        if options["name"]:
            raise UsageError("--name names a new integration, and --update uses one that is there", hint="Use --into.")

    def _connection_body(self, document: Document, chosen: list[str]) -> dict[str, Any]:
        """Return the body of the auth connection that --auth-secret creates; empty without it. Raises `UsageError`."""
        from drio_tui.openapi_import.security import CREDENTIAL_KEYS, connection_body

        options = self._options
        if not options["auth_secret"]:
            if options["auth_scheme"] or options["auth_user"]:
                raise UsageError("--auth-scheme and --auth-user go with --auth-secret")
            return {}
        if options["auth"]:
            raise UsageError("--auth names a connection that is there, --auth-secret creates one: give one of them")
        scheme = self._scheme(document, chosen)
        fields = CREDENTIAL_KEYS[scheme.provider]
        if fields.user and not options["auth_user"]:
            raise UsageError(f"{one_line(scheme.name, 60)} needs the {fields.user_label}", hint="Add --auth-user TEXT.")
        if options["dry_run"]:
            return connection_body(scheme, document.title, user=options["auth_user"] or "")
        label = f"{fields.secret_label} for {one_line(document.title, 60)} ({one_line(scheme.about, 80)})"
        inputs = Inputs()
        if self._source.strip() == "-":
            inputs.claim_stdin("the document")
        secret = read_secret(label, inputs)
        return connection_body(scheme, document.title, secret=secret, user=options["auth_user"] or "")

    def _scheme(self, document: Document, chosen: list[str]) -> Scheme:
        """Return the security scheme of --auth-scheme, or the one the document proposes. Raises `UsageError`."""
        name = self._options["auth_scheme"]
        known = ", ".join(one_line(scheme.name, 40) for scheme in document.schemes) or "none"
        if name:
            scheme = next((scheme for scheme in document.schemes if scheme.name == name), None)
        else:
            scheme = document.preferred_scheme(chosen)
        if scheme is None:
            missing = f"no security scheme {one_line(name, 60)}" if name else "no sign-in for what is taken"
            raise UsageError(f"the document names {missing}", hint=f"The document's security schemes: {known}.")
        if not scheme.provider:
            raise UsageError(f"{one_line(scheme.name, 60)} ({one_line(scheme.about, 80)}): {scheme.problem}")
        return scheme

    async def _import_into_app(
        self, document: Document, chosen: list[str], checked: tuple[DocumentProblem, ...], connection: dict[str, Any]
    ) -> None:
        """Create the chosen operations in the app, or print the plan with --dry-run.

        `checked` are the errors of the document itself, `connection` the body of a connection to create, or empty.
        """
        from drio_tui.cli.find import find_resource
        from drio_tui.cli.read import find_app
        from drio_tui.kinds import INTEGRATION
        from drio_tui.openapi_import.existing import existing_resources
        from drio_tui.session import command_session
        from drio_tui.workspace.lint.client_checks import server_of
        from drio_tui.workspace.model.loader import read_app

        options = self._options
        where = effective_options(options["profile"], options["base_url"], options["sandbox"])
        async with command_session(**where, notice=info) as session:
            # All of it: a resource that could not be read would be created again.
            snapshot = await read_app(session.client, await find_app(session.client, self.app))
            auth = self.connection_of(snapshot, connection)
            present = existing_resources(snapshot)
            into = find_resource(snapshot, INTEGRATION, options["into"]).raw if options["into"] else None
            server = server_of(snapshot)
            plan = await self._make_plan(document, chosen, present, auth, into, server)
            if not self._json:
                _print_skipped(plan)
                if not plan.resources:
                    info(f"There is nothing to create: {_nothing_reason(len(document.operations), len(chosen))}")
            if options["dry_run"]:
                self._print_plan(plan, checked)
            else:
                await self._apply_plan(session, snapshot.app_id, plan, checked)
            await self.warn_of_missing_steps(session, document, snapshot, plan)

    def connection_of(self, snapshot: Snapshot, connection: dict[str, Any]) -> str | NewConnection:
        """Return the id of the auth connection to use, or the one to create from the body `connection`.

        Raises `UsageError` or `NotFound`.
        """
        from drio_tui.cli.find import find_resource
        from drio_tui.kinds import AUTH
        from drio_tui.openapi_import.planning import NewConnection
        from drio_tui.openapi_import.security import existing_connection_id

        if self._options["auth"]:
            return find_resource(snapshot, AUTH, self._options["auth"]).id
        if not connection:
            return ""
        connections = [resource.raw for resource in snapshot.resources("auth") if isinstance(resource.raw, dict)]
        providers = [provider.text("key") for provider in snapshot.resources("provider")]
        if connection["providerKey"] not in providers:
            raise UsageError(f"this drio has no provider {connection['providerKey']}", hint="Use --auth.")
        return NewConnection(connection, existing_connection_id(connections, connection))

    async def _make_plan(
        self,
        document: Document,
        chosen: list[str],
        present: ExistingResources,
        auth: str | NewConnection,
        into: Mapping[str, Any] | None,
        server: str,
    ) -> Plan:
        from drio_tui.openapi_import.planning import ExistingIntegration

        options = self._options
        target: ExistingIntegration | str = options["name"] or ""
        if into is not None:
            target = ExistingIntegration(str(into["id"]), str(into.get("baseUrl") or ""))
        return await document.plan(
            chosen,
            base_url=options["server"] or "",
            integration=target,
            auth=auth,
            tools=not options["no_tools"],
            present=present,
            proposals=await self._proposals(document, chosen, server),
        )

    async def _proposals(self, document: Document, chosen: list[str], server: str) -> Proposals | None:
        """Return the proposals that --propose takes, None without it."""
        parts = self._options["propose"]
        if not parts:
            return None
        proposals = await document.proposals(chosen, server)
        if "all" not in parts:
            proposals.take_only(parts)
        return proposals

    def print_problems(self, problems: tuple[DocumentProblem, ...]) -> None:
        """Print what is odd about the document and the plan, unless JSON is printed."""
        if not self._json:
            _print_problems(problems)

    async def warn_of_missing_steps(self, session: Session, document: Document, snapshot: Snapshot, plan: Plan) -> None:
        """Print what is missing before the tools can be called: a sign-in, or permission for a private address.

        With --allow-host the permission is given instead.
        """
        from drio_tui.openapi_import.security import CREDENTIAL_KEYS
        from drio_tui.tool_calls.egress import origin_text
        from drio_tui.workspace.lint.allowed_hosts import allow, allowed_hosts
        from drio_tui.workspace.lint.import_source import MEMBER
        from drio_tui.workspace.lint.reachability import private_origin

        integrations = [resource for resource in plan.resources if resource.kind == "integration"]
        for integration in integrations:
            existing = snapshot.resource("integration", integration.changes) if integration.changes else None
            schemes = integration.body.get("config", {}).get(MEMBER, {}).get("signIn")
            if schemes and not integration.links and not (existing is not None and existing.text("authId")):
                scheme = document.preferred_scheme(operation.id for operation in document.operations)
                supported = scheme is not None and scheme.provider in CREDENTIAL_KEYS
                advice = (
                    "--auth-secret creates the connection, --auth names one"
                    if supported
                    else "--auth names a connection"
                )
                names = one_line(" or ".join(schemes), 120)
                warn(f"▲ The document wants a sign-in ({names}), and none is given: {advice}.")
        hosts = await allowed_hosts(session.client)
        if hosts is None:
            return
        urls = [str(integration.body["baseUrl"]) for integration in integrations if "baseUrl" in integration.body]
        urls += [existing.text("baseUrl") for id in plan.used if (existing := snapshot.resource("integration", id))]
        for url in dict.fromkeys(urls):
            origin = private_origin(url, session.base_url)
            if origin is None or origin in hosts:
                continue
            if self._options["allow_host"] and not self._options["dry_run"]:
                await allow(session.client, origin)
                info(f"The sandbox may call {origin_text(origin)}.")
            else:
                warn(f"▲ {origin_text(origin)} is a private address. {hosts.advice(origin)}")

    def _chosen_ids(self, document: Document) -> list[str]:
        """Return the ids of the operations that the options choose, in the document's order. Raises `UsageError`."""
        options = self._options
        chosen: dict[str, None] = {}
        for text in options["operations"]:
            method, mark, path = text.partition(":")
            id = f"{method.strip().upper()} {path.strip()}" if mark else text.strip()
            operation = document.operation(id)
            if operation is None:
                raise UsageError(
                    f"the document has no operation {one_line(id, 200)}",
                    hint="Leave --operation out to list what it has.",
                )
            if operation.obstacle:
                raise UsageError(f"{one_line(id, 200)} cannot be taken. {operation.obstacle}")
            chosen[id] = None
        importable = [operation for operation in document.operations if not operation.obstacle]
        for tag in options["tags"]:
            tagged = [operation.id for operation in importable if tag in operation.tags]
            if not tagged:
                known = ", ".join(one_line(name, 40) for name in document.tags[:20]) or "none"
                raise UsageError(f"no operation has the tag {one_line(tag, 80)}", hint=f"The document's tags: {known}.")
            chosen |= dict.fromkeys(tagged)
        if options["take_all"]:
            chosen |= dict.fromkeys(operation.id for operation in importable)
        return [operation.id for operation in document.operations if operation.id in chosen]

    def _list_operations(self, document: Document) -> None:
        if self._json:
            from dataclasses import asdict

            echo_json(
                {
                    "document": asdict(document.head),
                    "operations": [asdict(operation) | {"safe": operation.safe} for operation in document.operations],
                    "problems": [problem.as_dict() for problem in document.problems],
                }
            )
            return
        rows = (
            [
                format_value(operation.method, 10),
                format_value(operation.path, 100),
                "reads" if operation.safe else "changes",
                format_value(", ".join(operation.tags), 24),
                str(operation.tokens),
                format_value(f"cannot be taken: {operation.obstacle}" if operation.obstacle else operation.summary, 70),
            ]
            for operation in document.operations
        )
        for line in table(("method", "path", "does", "tag", "tokens", "summary"), rows):
            echo(*line)
        info(f"{one_line(document.title, 80)}: {count_of(len(document.operations), 'operation')}, nothing was created.")
        info("Take some with --operation METHOD:PATH, --tag TAG or --all. Tokens are estimated from what clients get.")
        _print_problems(document.problems)

    def _print_plan(self, plan: Plan, checked: tuple[DocumentProblem, ...]) -> None:
        if self._json:
            echo_json(plan.as_dict() | {"checked": [problem.as_dict() for problem in checked]})
            return
        for resource in plan.resources:
            if resource.kind == "tool" and resource.changes:
                echo(f"would set {format_value(resource.about, 160)}")
            else:
                echo(f"would {'change' if resource.changes else 'create'} {format_value(resource.about, 160)}")
        for proposal in plan.proposals:
            tool = proposal.tool
            info(f"{one_line(proposal.id, 100)}: {one_line(str(tool['name']), 120)}")
            info(f"  {one_line(str(tool['description']), 300)}")
        if plan.resources:
            info(plan.summary)
        _print_problems((*plan.problems, *checked))

    async def _apply_plan(self, session: Session, app: str, plan: Plan, checked: tuple[DocumentProblem, ...]) -> None:
        """Create the resources of the plan and print the results. Raises `DrioError` if any of them failed."""
        from drio_tui.cli.review import ResultsInOrder
        from drio_tui.openapi_import.import_steps import import_steps
        from drio_tui.plan.executor import Executor, Result
        from drio_tui.workspace.saving.journal import Journal
        from drio_tui.workspace.saving.saver import Saver

        saver = Saver(session.client, lambda app_id: Journal(session.profile, session.server_id, app_id))
        creates = Executor(saver, app, import_steps(plan))

        def print_result(result: Result) -> None:
            if not self._json:
                mark = style("✓", fg="green") if result.ok else style("✗", fg="red")
                echo(mark, f" {format_value(result.step.about, 160)}")
                if not result.ok:
                    warn(f"  {result.problem}")

        if not self._json:
            _print_problems((*plan.problems, *checked))
        if plan.resources and not self._options["yes"]:
            for resource in creates.steps:
                warn(f"  {one_line(resource.about, 160)}")
            ask_before(f"Make {count_of(len(creates.steps), 'change')}?", yes=False)
        in_order = ResultsInOrder(creates, print_result)
        await creates.run(on_result=in_order)
        in_order.finish()
        if self._json:
            results = zip(plan.resources, creates.results, strict=True)
            echo_json(
                {
                    "resources": [
                        {
                            "kind": resource.kind,
                            "key": resource.body.get("key"),
                            "source": resource.source,
                            "id": _id_of(resource, creates.ids, result.step.ref) if result and result.ok else "",
                            "problem": result.problem if result else "",
                        }
                        for resource, result in results
                    ],
                    "skipped": [{"source": skipped.source, "key": skipped.key} for skipped in plan.skipped],
                    "tokens": plan.tokens,
                    "bytes": plan.bytes,
                    "problems": [problem.as_dict() for problem in (*plan.problems, *checked)],
                }
            )
        if not creates.done:
            failed, total = len(creates.failed), len(plan.resources)
            others = "the others were" if failed < total else "nothing was"
            from drio_tui.cli.review import rest_hint

            raise DrioError(
                f"{failed} of {count_of(total, 'change')} {'was' if failed == 1 else 'were'} not made; {others}.",
                title="Not all was done",
                hint=rest_hint("the same command", undo="`z` in the program takes it back"),
            )


def _id_of(resource: PlannedResource, ids: Mapping[str, str], ref: str) -> str:
    """Return the id of a resource that was created or changed."""
    return ids.get(ref, "") or resource.changes


def _print_skipped(plan: Plan) -> None:
    if plan.skipped:
        info(f"{count_of(len(plan.skipped), 'operation')} of these the app has already:")
        for skipped in plan.skipped[:20]:
            info(f"  {one_line(skipped.source, 120)} ({one_line(skipped.key, 64)})")
        if len(plan.skipped) > 20:
            info(f"  and {len(plan.skipped) - 20} more (--json has all)")


def _nothing_reason(operations: int, chosen: int) -> str:
    """Return why a plan creates nothing, as the end of a sentence, with what to do about it.

    `operations` is how many the document has, `chosen` how many of them were chosen.
    """
    if not operations:
        return "the document has no operations."
    if not chosen:
        return "no operation of the document can be taken. Without --all they are listed, with the reasons."
    return "the app has every chosen operation already. --update brings it up to date with the document."


def _print_problems(problems: tuple[DocumentProblem, ...]) -> None:
    """Print the first 20 different problems, with the operation or the path each belongs to."""
    located = ((problem.operation or problem.where, problem.message) for problem in problems)
    texts = list(dict.fromkeys(f"{where}: {message}" if where else message for where, message in located))
    for text in texts[:20]:
        warn(f"▲ {text}")
    if len(texts) > 20:
        warn(f"▲ and {len(texts) - 20} more (--json has all)")
