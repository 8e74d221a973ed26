"""`import`: operations of an OpenAPI document into an app, the twin of the import screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, UsageError
from drio_tui.cli.common import completes, connection_options, guarded, inherited, no_such, refuse_read_only, run
from drio_tui.cli.output import echo, echo_json, say, style, warn
from drio_tui.cli.render import shown, table
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.importing.document import Document
    from drio_tui.importing.errors import Problem
    from drio_tui.importing.planning import Plan
    from drio_tui.session import Session


@click.command("import")
@click.argument("app", metavar="APP", shell_complete=completes("apps"))
@click.argument("source", metavar="SOURCE")
@click.option("--operation", "operations", metavar="METHOD:PATH", multiple=True, help="Take this one; may be repeated.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Take all with this tag; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Take all that can be taken.")
@click.option("--server", metavar="URL", help="Where the API is, instead of what the document says.")
@click.option("--into", metavar="INTEGRATION", help="Add to this integration (id or key) instead of a new one.")
@click.option("--name", metavar="NAME", help="The new integration's name; the document's title unless given.")
@click.option("--auth", metavar="CONNECTION", help="The auth connection (id or key) that the new integration uses.")
@click.option("--no-tools", is_flag=True, help="Create operations only, no tools.")
@click.option("--no-check", is_flag=True, help="Do not check what is taken against the OpenAPI specification.")
@click.option("--dry-run", is_flag=True, help="Print what would be created, and create nothing.")
@connection_options
@guarded
def import_openapi(app: str, source: str, **options: Any) -> None:
    """Create operations of APP (its id or slug), with tools, from the OpenAPI 3.x document SOURCE.

    SOURCE is a file, an https address, or - for standard input. Without --operation, --tag or --all the
    document's operations are listed and nothing is created.
    """
    run(_Import(app, source, options).work())


class _Import:
    def __init__(self, app: str, source: str, options: dict[str, Any]) -> None:
        self._app, self._source = app, source
        self._given = options
        self._json: bool = options["as_json"]

    async def work(self) -> None:
        from drio_tui.importing.document import open_document

        given = self._given
        async with await open_document(self._source) as document:
            if not (given["operations"] or given["tags"] or given["everything"]):
                self._list(document)
                return
            chosen = self._chosen(document)
            checked = () if given["no_check"] else (await document.check(chosen)).problems
            if given["dry_run"] and not (given["into"] or given["auth"]):
                self._show(await self._planned(document, chosen, {}, "", ""), checked)
                return
            if not given["dry_run"]:
                refuse_read_only("--read-only creates nothing; --dry-run shows what would be.")
            await self._in_app(document, chosen, checked)

    async def _in_app(self, document: Document, chosen: list[str], checked: tuple[Problem, ...]) -> None:
        from drio_tui.cli.read import find_app
        from drio_tui.kinds import AUTH, INTEGRATION, OPERATION, TOOL
        from drio_tui.session import connected

        given = self._given
        where = inherited(given["profile"], given["base_url"], given["sandbox"])
        async with connected(**where, notice=say) as session:
            client = session.client
            app = await find_app(client, self._app)
            integrations = (await client.list(INTEGRATION, app=app)).items
            tools = (await client.list(TOOL, app=app)).items
            operations: list[dict[str, Any]] = []
            for one in integrations:
                operations += (await client.list(OPERATION, app=app, parent=str(one.get("id")))).items
            into = _named(integrations, given["into"], "integration") if given["into"] else None
            auth = ""
            if given["auth"]:
                connections = (await client.list(AUTH, app=app)).items
                auth = str(_named(connections, given["auth"], "auth connection")["id"])
            taken = {"integration": integrations, "operation": operations, "tool": tools}
            keys = {kind: [str(one.get("key")) for one in things] for kind, things in taken.items()}
            plan = await self._planned(document, chosen, keys, auth, into or "")
            if given["dry_run"]:
                self._show(plan, checked)
            else:
                await self._make(session, app, plan, checked)

    async def _planned(
        self, document: Document, chosen: list[str], taken: dict[str, list[str]], auth: str, into: dict[str, Any] | str
    ) -> Plan:
        from drio_tui.importing.planning import Target

        given = self._given
        target: Target | str = given["name"] or ""
        if isinstance(into, dict):
            target = Target(str(into["id"]), str(into.get("baseUrl") or ""))
        return await document.plan(
            chosen,
            base_url=given["server"] or "",
            integration=target,
            auth=auth,
            tools=not given["no_tools"],
            taken=taken,
        )

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
        for thing in plan.things:
            echo(f"would create {shown(thing.about, 160)}")
        from drio_tui.calls.cost import kilobytes

        cost = f"{kilobytes(plan.bytes)}, about {plan.tokens:,} tokens of a model's context"
        say(f"{count_of(len(plan.things), 'resource')}; the list of tools grows by {cost}.")
        _tell((*plan.problems, *checked))

    async def _make(self, session: Session, app: str, plan: Plan, checked: tuple[Problem, ...]) -> None:
        from drio_tui.importing.making import batch
        from drio_tui.workspace.bulk import Result
        from drio_tui.workspace.duplicate import made_id
        from drio_tui.workspace.journal import Journal
        from drio_tui.workspace.saving import Saver

        saver = Saver(session.client, lambda one: Journal(session.profile, session.server, one))
        work = batch(saver, app, plan)

        def tell(result: Result) -> None:
            if not self._json:
                mark = style("✓", fg="green") if result.ok else style("✗", fg="red")
                echo(mark, f" {shown(result.task.about, 160)}")
                if not result.ok:
                    warn(f"  {result.problem}")

        if not self._json:
            _tell((*plan.problems, *checked))
        await work.run(on_result=tell)
        if self._json:
            results = zip(plan.things, work.results, strict=True)
            echo_json(
                {
                    "things": [
                        {
                            "kind": thing.kind,
                            "key": thing.body.get("key"),
                            "source": thing.source,
                            "id": made_id(result.outcome) if result and result.outcome else "",  # type: ignore[arg-type] # a create's
                            "problem": result.problem if result else "",
                        }
                        for thing, result in results
                    ],
                    "tokens": plan.tokens,
                    "bytes": plan.bytes,
                    "problems": [problem.as_dict() for problem in (*plan.problems, *checked)],
                }
            )
        if not work.done:
            failed = len(work.failed)
            raise DrioError(
                f"{failed} of {count_of(len(plan.things), 'resource')} were not created; the others were.",
                title="Not all was created",
                hint="Look with `drio-tui inspect`; `z` in the program takes back what was.",
            )


def _named(things: list[dict[str, Any]], wanted: str, what: str) -> dict[str, Any]:
    for member in ("id", "key"):
        for thing in things:
            if thing.get(member) == wanted:
                return thing
    known = [str(thing.get("key")) for thing in things]
    listed = f"There are: {', '.join(one_line(key, 40) for key in known[:20]) or 'none'}."
    raise no_such(f"{what} has the id or key", wanted, known, otherwise=listed)


def _tell(problems: tuple[Problem, ...]) -> None:
    places = ((problem.operation or problem.where, problem.message) for problem in problems)
    told = list(dict.fromkeys(f"{where}: {message}" if where else message for where, message in places))
    for text in told[:20]:
        say(f"▲ {text}")
    if len(told) > 20:
        say(f"▲ and {len(told) - 20} more (--json has all)")
