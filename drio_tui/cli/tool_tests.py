"""`test`: run the tests of an app's tools, those of its document and those saved in the program."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, NotFound, UsageError
from drio_tui.cli.common import (
    completer,
    connection_options,
    effective_options,
    handle_errors,
    is_read_only,
    refuse_read_only,
    run,
)
from drio_tui.cli.find import find_resource
from drio_tui.cli.output import echo, echo_json, info, style, warn
from drio_tui.cli.read import find_app
from drio_tui.cli.secrets_file import given_secrets, secrets_option
from drio_tui.cli.tool_runner import ToolRunner, chosen_target
from drio_tui.kinds import TOOL
from drio_tui.session import command_session
from drio_tui.text import count_of, duration, one_line

if TYPE_CHECKING:
    from drio_tui.evaluation.runner import TestResult
    from drio_tui.evaluation.tool_test import ToolTest
    from drio_tui.session import Session
    from drio_tui.workspace.model.snapshot import Snapshot
    from drio_tui.workspace.run.bound_tool import BoundTool

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "error": ("✗", "red"), "skipped": ("-", "yellow")}
_MOST_CONNECTIONS = 1
"""The connections whose secrets a run from this machine may need: one variable cannot hold several secrets."""


@dataclass(frozen=True, slots=True)
class _Tests:
    """The tests of an app (an id), and how it is called in results."""

    app: str
    name: str
    tests: list[ToolTest]


@click.command(
    epilog="Exit codes: 0 all tests passed (or were skipped), 1 tests failed or could not be run, 2 usage, "
    "4 sign-in needed."
)
@click.argument("app", metavar="APP|DIR", shell_complete=completer("apps"))
@click.argument("tools", metavar="[TOOL]...", nargs=-1, shell_complete=completer("tools"))
@click.option("--deployed", is_flag=True, help="Call what is deployed, through its endpoint, instead of the draft.")
@click.option("--from-here", is_flag=True, help="With the sandbox: run the draft from this machine instead.")
@click.option("--allow-private", is_flag=True, help="Let runs from this machine call a private address.")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML to it.")
@click.option("--include-writes", "--yes", is_flag=True, help="Also run tools that are not marked as only reading.")
@secrets_option
@connection_options
@handle_errors
def test(
    app: str,
    tools: tuple[str, ...],
    deployed: bool,
    from_here: bool,
    allow_private: bool,
    junit: Path | None,
    include_writes: bool,
    secrets_file: Path | None,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Run the tests of the document in DIR (`tests:`), or of APP: of its document, if it was opened on this machine,
    and those that were saved in the program. With TOOLs (keys, names or ids), only theirs.

    Tools that only read (readOnlyHint, or GET without annotations) are run concurrently; others are skipped without
    --include-writes. The draft is run as `call` does it.
    """
    if include_writes:
        refuse_read_only("these tests may change something, and --read-only is in force")
    options = effective_options(profile, base_url, sandbox)

    async def work() -> tuple[_Tests, str, list[TestResult]]:
        from drio_tui.workspace.model.loader import read_app

        async with command_session(**options, notice=info) as session:
            found = await _find_tests(session, app, secrets_file)
            required = ["app", "tool", "operation", "integration", "auth"]
            snapshot = await read_app(session.client, found.app, required=required)
            wanted = [_key(snapshot, tool) for tool in tools]
            tests = [test for test in found.tests if not wanted or test.tool in wanted]
            if missing := [key for key in wanted if not any(test.tool == key for test in tests)]:
                raise UsageError(f"{one_line(missing[0], 80)} has no tests")
            target = chosen_target(session, options, deployed=deployed, from_here=from_here)
            results = await _run(
                session, snapshot, tests, target, include_writes, allow_private, lambda result: _show(result, as_json)
            )
            return found, target, results

    found, target, results = run(work())
    from drio_tui.evaluation.runner import count_outcomes

    counts = count_outcomes(results)
    if junit is not None:
        _write_junit(junit, found.name, results)
    if as_json:
        echo_json({"app": found.name, "target": target, **counts, "results": [result.as_dict() for result in results]})
    elif results:
        texts = [
            f"{count:,} {'errors' if outcome == 'error' else outcome}" for outcome, count in counts.items() if count
        ]
        echo(f"{count_of(len(results), 'test')}: {', '.join(texts)}.")
        if counts["skipped"]:
            info(
                "--include-writes runs the tests that were skipped."
                if not is_read_only()
                else "--read-only is in force."
            )
    else:
        warn(f"{one_line(found.name, 80)} has no tests.")
    if counts["failed"] or counts["error"]:
        raise SystemExit(1)


async def _run(
    session: Session,
    snapshot: Snapshot,
    tests: Sequence[ToolTest],
    target: Any,
    include_writes: bool,
    allow_private: bool,
    on_result: Callable[[TestResult], None],
) -> list[TestResult]:
    from drio_tui.evaluation.runner import evaluate
    from drio_tui.workspace.run.bound_tool import bound_of_key
    from drio_tui.workspace.run.local_runner import LocalRunner

    runner = ToolRunner(session, snapshot.app.raw if snapshot.app else {}, target, LocalRunner(), allow_private)
    bound_tools: dict[str, BoundTool] = {}
    for key in {test.tool: None for test in tests}:
        try:
            bound = bound_of_key(snapshot, key)
        except DrioError:
            continue  # each of its tests reports it
        if bound.only_reads or include_writes:
            bound_tools[key] = bound
    if target == "here":
        requests = {
            request.key for bound in bound_tools.values() if (request := runner.local.credential_request(bound))
        }
        if len(requests) > _MOST_CONNECTIONS:
            raise UsageError(
                "the tools need the secrets of several connections",
                hint="Name tools of one connection, or test what is deployed with --deployed.",
            )
        for bound in bound_tools.values():
            runner.prepare(bound)
    elif target == "deployed" and tests:
        await runner.endpoint()
    return await evaluate(
        tests,
        lambda key: bound_of_key(snapshot, key),
        runner.run,
        include_writes=include_writes,
        on_result=on_result,
    )


# --- which tests -----------------------------------------------------------------------------------


async def _find_tests(session: Session, app: str, secrets_file: Path | None) -> _Tests:
    """Return the tests of a document, or of an app. Raises `NotFound`, `BadDocument` and `MissingValue`."""
    if (path := _document_path(app)) is not None:
        return await _tests_of_document(session, path, secrets_file)
    from drio_tui.evaluation.local_tests import local_section
    from drio_tui.manifest.known_documents import known_document
    from drio_tui.manifest.tool_tests import local_secret_names, local_tests
    from drio_tui.workspace.run.run_history import RunHistory

    app_id = await find_app(session.client, app)

    def read() -> list[ToolTest]:
        known = known_document(session.server_id, app_id)
        tests: list[ToolTest] = []
        if known is not None and Path(known.path).exists():
            tests = _read_tests(Path(known.path), secrets_file)[1]
        names = {(test.tool, test.name) for test in tests}
        section = local_section(RunHistory(session.server_id, app_id))
        secrets = given_secrets([*local_secret_names(section)], secrets_file)
        kept = local_tests(section, os.environ, secrets)
        return [*tests, *(test for test in kept if (test.tool, test.name) not in names)]

    return _Tests(app_id, app, await asyncio.to_thread(read))


async def _tests_of_document(session: Session, path: Path, secrets_file: Path | None) -> _Tests:
    from drio_tui.manifest.apply import find_app_id, slug_of
    from drio_tui.manifest.lock import find_base, known_app
    from drio_tui.manifest.pull import desired_of

    document, tests = await asyncio.to_thread(_read_tests, path, secrets_file)
    desired = desired_of(document, os.environ)
    app_id = await find_app_id(
        session.client, desired, lambda: known_app(find_base(document.root, session.server_id, desired), desired)
    )
    slug = slug_of(desired)
    if not app_id:
        raise NotFound(f"there is no app {one_line(slug, 80)}", status=404, hint="`drio-tui apply` creates it.")
    return _Tests(app_id, slug, tests)


def _read_tests(path: Path, secrets_file: Path | None) -> tuple[Any, list[ToolTest]]:
    from drio_tui.manifest.document import read_document
    from drio_tui.manifest.tool_tests import document_tests

    document = read_document(path)
    secrets = given_secrets(document.secret_names(of_tests=True), secrets_file)
    return document, document_tests(document, os.environ, secrets)


def _document_path(text: str) -> Path | None:
    """Return the path of the document that `text` names, None if it names an app.

    A directory that is named like an app, without a slash, has to have a document.
    """
    from drio_tui.manifest.document import MAIN_FILES

    path = Path(text)
    if text in (".", "..") or "/" in text or os.sep in text or path.is_file():
        return path
    return path if any((path / name).is_file() for name in MAIN_FILES) else None


def _key(snapshot: Snapshot, name: str) -> str:
    from drio_tui.workspace.model.tools import find_tool

    resource = snapshot.resource("tool", find_tool(snapshot, name) or "") or find_resource(snapshot, TOOL, name)
    return resource.text("key")


# --- results ---------------------------------------------------------------------------------------


def _show(result: TestResult, as_json: bool) -> None:
    if as_json:
        return
    mark, colour = _MARKS[result.outcome]
    took = f"  {duration(result.seconds, short=True)}" if result.outcome in ("passed", "failed") else ""
    name = f" {one_line(result.test.tool, 60)}: {one_line(result.test.name, 100)}"
    echo(style(mark, fg=colour), name, style(took, dim=True))
    for mismatch in result.mismatches:
        echo(f"    {one_line(mismatch.what, 120)}")
        echo(f"      expected  {one_line(mismatch.expected, 300)}")
        echo(f"      actual    {one_line(mismatch.actual, 300)}")
    if result.message:
        echo(f"    {one_line(result.message, 300)}")


def _write_junit(path: Path, app: str, results: Sequence[TestResult]) -> None:
    from drio_tui.evaluation.junit import junit_xml
    from drio_tui.storage.files import os_error_text, write_public

    try:
        write_public(path, junit_xml(app, results))
    except OSError as error:
        raise DrioError(f"{path} cannot be written: {os_error_text(error)}", title="No JUnit file") from None
