"""`plan`, `apply`, `drift`: compare the document of an app with drio, and make the changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, UsageError
from drio_tui.cli import streams
from drio_tui.cli.common import (
    ask_before,
    command_hint,
    connection_options,
    handle_errors,
    refuse_read_only,
    run,
)
from drio_tui.cli.find import connection_of, saver_of
from drio_tui.cli.manifest import document_argument
from drio_tui.cli.output import echo, echo_json, info, is_quiet, prompt_secret, style, warn
from drio_tui.cli.plan_file import document_folder, finished_result, open_plan_file, plan_of_file, save_plan_file
from drio_tui.cli.render import ascii_only
from drio_tui.cli.review import NotAllDone, print_plan, rest_hint, undo_hint
from drio_tui.cli.secrets_file import given_secrets, secrets_option
from drio_tui.session import Session, command_session
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.manifest.apply import Applied, Applier, AppRead, DocumentPlan
    from drio_tui.manifest.compare import Options
    from drio_tui.manifest.document import Document
    from drio_tui.manifest.lock import Base
    from drio_tui.manifest.saved_plan import PlanFile
    from drio_tui.plan.executor import Result
    from drio_tui.workspace.saving.merge import Object

CHANGES = 3
"""The exit code of `drift`, and of `plan --detailed-exitcode`, when something differs."""
_FAILED = 1

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_prune_option = click.option(
    "--prune", is_flag=True, help="Delete what the document lacks, in collections that it has."
)  # fmt: skip
_conflict_option = click.option(
    "--on-conflict", type=click.Choice(["document", "drio"]), default=None,
    help="Which side counts where drio was changed since the last apply.",
)  # fmt: skip
_write_secret_option = click.option(
    "--write-secret", "write_secrets", metavar="PLACE|all", multiple=True,
    help="Send a secret that drio has already, such as auth/KEY#apiKey.",
)  # fmt: skip


@click.command(
    epilog="Exit codes: 0 planned, 1 it could not be applied as it is or the app could not be read, 2 usage, "
    "3 with --detailed-exitcode: there are changes, 4 sign-in needed."
)
@document_argument
@_prune_option
@click.option("--out", "-o", metavar="FILE", type=click.Path(path_type=Path), help="Save the plan for `apply FILE`.")
@click.option("--from", "source", metavar="APP[@PROFILE]", help="Take this app instead of a document.")
@click.option("--to", "target", metavar="APP[@PROFILE]", help="With --from: the slug of the app to change.")
@_conflict_option
@_write_secret_option
@secrets_option
@click.option("--markdown", is_flag=True, help="Print Markdown, for a pull-request comment.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 if there are changes.")
@connection_options
@handle_errors
def plan(
    path: Path, prune: bool, out: Path | None, source: str | None, target: str | None, on_conflict: str | None,
    write_secrets: tuple[str, ...], secrets_file: Path | None, markdown: bool, detailed_exitcode: bool, as_json: bool,
    **connection: Any,
) -> None:  # fmt: skip
    """Show what `apply` would change in drio for it to be as the document in DIR says. Changes nothing.

    With --from APP --to APP the plan makes the second app like the first: PROFILE is a profile, `sandbox`, or
    `sandbox:DIR` for a sandbox with its data in DIR.
    """
    from drio_tui.plan.changes import as_dict
    from drio_tui.plan.render import as_markdown

    if bool(source) != bool(target):
        raise UsageError("--from and --to belong together")
    options = _options(prune, on_conflict, write_secrets, exact=source is not None)
    target_connection = _connection_to(target or "", connection)

    async def work() -> DocumentPlan:
        if source and target:
            document, notes = await _read_app_form(source, target, connection)
            async with command_session(**target_connection, notice=info) as session:
                return await finish(session, await _plan(session, document, None, options), notes)
        read, document = _read_document(path, secrets_file)
        async with command_session(**target_connection, notice=info) as session:
            return await finish(session, (await _plan(session, document, path, options)).located(read), ())

    async def finish(session: Session, result: DocumentPlan, notes: tuple[str, ...]) -> DocumentPlan:
        view = result.comparison.view(_target_text(session, result))
        view = view.with_notes((*notes, *([_conflict_hint(path)] if result.comparison.conflicts else ())))
        if as_json:
            echo_json(as_dict(view))
        elif markdown:
            echo(as_markdown(view))
        else:
            print_plan(view)
        if out is not None:
            folder = _folder_of(path) if source is None else None
            save_plan_file(session, result, folder, out, target=_target_text(session, result))
            info(f"Saved: `{command_hint('apply', str(out), connection=target_connection)}` carries it out.")
        return result

    result = run(work())
    if result.comparison.problems or result.comparison.conflicts:
        raise SystemExit(_FAILED)
    if detailed_exitcode and result.changes:
        raise SystemExit(CHANGES)


@click.command(
    epilog="Exit codes: 0 applied (or nothing to change), 1 not or not all of it applied, 2 usage, 4 sign-in needed."
)
@click.argument("path", metavar="[DIR|FILE|PLAN]", default=".", type=click.Path(path_type=Path))
@_prune_option
@_conflict_option
@_write_secret_option
@secrets_option
@click.option("--deploy", is_flag=True, help="Deploy the app afterwards, if the preflight finds no errors.")
@click.option("--parallel", metavar="N", type=click.IntRange(1, 32), default=6, show_default=True,
              help="How many requests are sent at the same time.")  # fmt: skip
@click.option("--no-lock", is_flag=True, help="Do not write drio.lock.json.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask; needed where stdin is no terminal.")
@connection_options
@handle_errors
def apply(
    path: Path, prune: bool, on_conflict: str | None, write_secrets: tuple[str, ...], secrets_file: Path | None,
    deploy: bool, parallel: int, no_lock: bool, yes: bool, as_json: bool, **connection: Any,
) -> None:  # fmt: skip
    """Make drio as the document in DIR says, or carry out a saved PLAN. Shows the plan and asks first.

    Only what the document declares is written, and nothing is deleted without --prune. An app that does not exist is
    created from app.template. What was applied is recorded in drio.lock.json beside the document.
    """
    refuse_read_only(f"--read-only applies nothing; `{_hint('plan', path)}` shows what would be changed")
    with contextlib.ExitStack() as stack:
        saved = open_plan_file(stack, path)
        if saved and (prune or on_conflict or write_secrets):
            raise UsageError("a saved plan has its options already", hint="Make a new plan with other options.")
        options = _options(prune, on_conflict, write_secrets)
        read, document = (None, None) if saved else _read_document(path, secrets_file)

        async def carry_out(session: Session) -> dict[str, Any]:
            if saved:
                folder = document_folder(saved)
                planned = await plan_of_file(session, saved, folder)
            else:
                folder = _folder_of(path)
                planned = await _plan(session, document or {}, path, options)
                planned = planned.located(read) if read is not None else planned
            lock = None if folder is None or no_lock else _LockFile(session, planned.slug, folder)
            application = _Application(session, planned, path, saved, lock, secrets_file, parallel, as_json)
            result = await application.run(yes=yes)
            if lock is not None and result.base is not None:
                await lock.finish(result.base)
            result_json = application.as_dict(result)
            if result.failed:
                if as_json:
                    echo_json(result_json)
                application.raise_failure(result)
            return result_json

        async def work() -> None:
            async with command_session(**connection_of(connection), notice=info) as session:
                if saved and saved.plan.finished:
                    result_json = await finished_result(session, saved.plan)
                else:
                    result_json = await carry_out(session)
                if deploy:
                    from drio_tui.cli.deploy import deploy_app

                    try:
                        result_json["deploy"] = await deploy_app(
                            session,
                            result_json["app"],
                            if_changed=True,
                            quiet=as_json,
                            yes=yes or bool(result_json["results"]),  # which the user has agreed to
                        )
                    except DrioError:
                        if as_json:
                            echo_json(result_json)  # it is applied
                        raise
                if as_json:
                    echo_json(result_json)

        run(work())


@click.command(
    epilog="Exit codes: 0 no drift, 1 the app could not be read, 2 usage, 3 something differs, 4 sign-in needed."
)
@document_argument
@secrets_option
@click.option("--exact", is_flag=True, help="Compare what the document does not declare, too.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for an issue or a comment.")
@connection_options
@handle_errors
def drift(
    path: Path, secrets_file: Path | None, exact: bool, markdown: bool, as_json: bool, **connection: Any
) -> None:  # fmt: skip
    """Show what was changed in drio since the document in DIR was applied. Changes nothing.

    Without drio.lock.json it shows how drio differs from the document.
    """
    from drio_tui.manifest.drift import find_drift
    from drio_tui.manifest.form import to_document
    from drio_tui.plan.changes import as_dict
    from drio_tui.plan.render import as_markdown

    _, document = _read_document(path, secrets_file)

    async def work() -> bool:
        async with command_session(**connection_of(connection), notice=info) as session:
            read = await _read_app(session, document, path)
            slug = one_line(str(document["app"]["slug"]), 80)
            if not read.app:
                raise DrioError(f"there is no app {slug} in this drio", title="Nothing to compare with")
            found = find_drift(document, to_document(read.snapshot), read.base, exact=exact)
            view = found.view(f"{slug} on {session.host}", _hint("plan", path), _hint("pull", path))
        if as_json:
            echo_json(as_dict(view))
        elif markdown:
            echo(as_markdown(view))
        elif found.changes:
            print_plan(view)
        else:
            echo(found.nothing_text(slug))
            for note in view.notes:
                info(note)
        return bool(found.changes)

    if run(work()):
        raise SystemExit(CHANGES)


# --- reading ---------------------------------------------------------------------------------------


def _options(prune: bool, on_conflict: str | None, write_secrets: tuple[str, ...], *, exact: bool = False) -> Options:
    from drio_tui.manifest.compare import Options

    side = on_conflict or ""
    return Options(prune, side, write_secrets, exact)  # type: ignore[arg-type] # click has checked the choice


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _read_document(path: Path, secrets_file: Path | None) -> tuple[Document, Object]:
    """Return the document, and its values; secrets without a value have none. Raises `BadDocument`."""
    from drio_tui.manifest.document import read_document
    from drio_tui.manifest.problems import BadDocument
    from drio_tui.manifest.validation import quick_errors

    document = read_document(path)
    if errors := quick_errors(document, os.environ):
        raise BadDocument(errors)
    return document, document.resolve(os.environ, _secret_values(document.secret_names(), secrets_file))


def _secret_values(names: list[str], secrets_file: Path | None) -> dict[str, str]:
    """Return the values of secrets by name, `NOT_GIVEN` for those that are not in the file or the environment."""
    from drio_tui.manifest.secret import NOT_GIVEN

    return {**dict.fromkeys(names, NOT_GIVEN), **given_secrets(names, secrets_file)}


async def _plan(session: Session, document: Object, path: Path | None, options: Options) -> DocumentPlan:
    from drio_tui.manifest.apply import plan_for

    read = await _read_app(session, document, path)
    return plan_for(document, read.snapshot, base=read.base, options=options)


async def _read_app(session: Session, document: Object, path: Path | None) -> AppRead:
    """Return the app of a document, and what the lock file beside it has about this app on this drio."""
    from drio_tui.manifest.apply import read_document_app
    from drio_tui.manifest.lock import find_base

    def read_lock() -> Base | None:
        return None if path is None else find_base(_folder_of(path), session.server_id, document)

    return await read_document_app(session.client, document, read_lock)


class _LockFile:
    """The lock file of the document that is applied."""

    def __init__(self, session: Session, slug: str, folder: Path) -> None:
        from drio_tui.manifest.lock import FILE_NAME

        self.session, self.slug, self.folder = session, slug, folder
        self.path = folder / FILE_NAME
        self.is_new = not self.path.exists()

    async def store(self, base: Base) -> None:
        """Store what was applied, or is about to be. Raises `InvalidLock`."""
        from drio_tui.manifest.lock import target_of, write_base

        await asyncio.to_thread(write_base, self.folder, target_of(self.session.server_id, self.slug), base)

    async def finish(self, base: Base) -> None:
        """Store what was applied, and say that there is a new file. Raises `InvalidLock`."""
        await self.store(base)
        if self.is_new:
            info(f"{self.path} records what was applied: keep it in git.")


def _target_text(session: Session, planned: DocumentPlan) -> str:
    return f"{planned.slug} on {session.host}"


# --- other apps ------------------------------------------------------------------------------------


def _connection_to(text: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of `command_session` for `APP@PROFILE`; the connection `options` count without a profile."""
    _, at, profile = text.rpartition("@")
    if not at:
        return connection_of(options)
    if profile == "sandbox" or profile.startswith("sandbox:"):
        return {"sandbox": True, "data_dir": profile.partition(":")[2] or None}
    return {"profile": profile}


async def _read_app_form(source: str, target: str, connection: dict[str, Any]) -> tuple[Object, tuple[str, ...]]:
    """Return the app `source` as a document for the app `target`, and notes about what cannot travel."""
    from drio_tui.cli.read import find_app
    from drio_tui.manifest.apply import read_snapshot
    from drio_tui.manifest.form import to_document

    name = source.rpartition("@")[0] or source
    async with command_session(**_connection_to(source, connection), notice=info) as session:
        form = to_document(await read_snapshot(session.client, await find_app(session.client, name)))
    slug = target.rpartition("@")[0] or target
    notes = tuple(f"It cannot travel: {omission}" for omission in form.not_exported)
    return {**form.data, "app": form.data["app"] | {"slug": slug}}, notes


# --- applying --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _stopping(applier: Applier) -> Iterator[None]:
    """Let the first Ctrl+C finish the requests that are under way, so that they are recorded; the second ends all."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        warn("Stopping: what is under way is finished. Ctrl+C again ends it at once.")
        loop.remove_signal_handler(signal.SIGINT)
        applier.stop()

    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or another thread
        loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)


def _hint(command: str, path: Path) -> str:
    """Return a command for the document at a path, for a hint."""
    return command_hint(command, *([] if path == Path() else [str(path)]))


def _conflict_hint(path: Path) -> str:
    from drio_tui.manifest.apply import conflict_hint

    return conflict_hint(_hint("pull", path), _hint("apply", path))


class _Application:
    """The plan of one `apply`, shown, confirmed, carried out and reported."""

    def __init__(
        self, session: Session, planned: DocumentPlan, path: Path, file: PlanFile | None, lock: _LockFile | None,
        secrets_file: Path | None, parallel: int, as_json: bool,
    ) -> None:  # fmt: skip
        self.session, self.file, self.lock, self.secrets_file = session, file, lock, secrets_file
        self.planned, self.path, self.parallel, self.as_json = planned, path, parallel, as_json
        self.done = 0
        self.count = 0

    async def run(self, *, yes: bool) -> Applied:
        """Carry out the plan. Raises `NotApplicable`, `UsageError` and what keeps the app from being read."""
        from drio_tui.manifest.apply import Applier

        planned = self.planned
        view = planned.comparison.view(_target_text(self.session, planned))
        applicable = not (planned.comparison.problems or planned.comparison.conflicts)
        if not (applicable and (self.as_json or (yes and is_quiet()))):
            print_plan(view, err=True)
        planned.require_applicable(_conflict_hint(self.path))
        planned = self.planned = planned.with_secrets(self._ask_secrets())
        if planned.changes:
            ask_before(f"Make these changes in {one_line(view.target, 120)}?", yes=yes)
        saved = self.file.plan if self.file else None
        saver = saver_of(self.session)
        applier = Applier(
            saver, planned, parallel=self.parallel, group=saved.group if saved else "",
            state=saved.state if saved else None, save=self.file.save if self.file else None,
            save_base=self.lock.store if self.lock else None,
            on_result=self._print_result, on_steps=self._begin,
        )  # fmt: skip
        with _stopping(applier):
            result = await applier.run()
        if self.file:
            await self.file.end(finished=not result.failed)
        if not self.as_json and result.results and not result.failed:
            journal = saver.journal(result.app)
            for notice in journal.notices if journal else ():
                info(notice)
            info(f"Applied. {undo_hint(planned.slug, journal)}")
        return result

    def _ask_secrets(self) -> dict[str, str]:
        """Return the values of the secrets that are sent: of the file or the environment, else asked for."""
        from drio_tui.manifest.secret import NOT_GIVEN
        from drio_tui.manifest.steps import needed_secrets

        names = needed_secrets(self.planned.changes)
        if not names:
            return {}
        values = {name: value for name, value in _secret_values(names, self.secrets_file).items() if value != NOT_GIVEN}
        for name in names:
            if name not in values and streams.can_prompt():
                values[name] = prompt_secret(f"The secret {one_line(name, 80)}")
        return values

    def _begin(self, count: int) -> None:
        self.count += count

    def _print_result(self, result: Result) -> None:
        self.done += 1
        if self.as_json:
            return
        number = f"[{self.done}/{self.count}]"
        about = one_line(result.step.about, 200)
        if result.ok:
            echo(style("ok" if ascii_only() else "✓", fg="green"), f" {number} {about}")
            return
        warn(style("x" if ascii_only() else "✗", fg="red"), f" {number} {about}")
        warn(f"  {one_line(result.problem, 400)}")

    def as_dict(self, result: Applied) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        from drio_tui.plan.changes import as_dict

        results = [
            {
                "about": item.step.about, "verb": item.step.verb, "kind": item.step.kind, "done": item.ok,
                "problem": item.problem or None,
            }
            for item in result.results
        ]  # fmt: skip
        plan = as_dict(self.planned.comparison.view(_target_text(self.session, self.planned)))
        return {"app": result.app, "group": result.group, "plan": plan, "results": results, "deploy": None}

    def raise_failure(self, result: Applied) -> None:
        """Raise `NotAllDone` with the first problem."""
        first, number = result.failed[0], len(result.failed)
        were = "was" if number == 1 else "were"
        raise NotAllDone(
            f"{number:,} of {count_of(len(result.results), 'step')} failed or {were} skipped. "
            f"The first: {one_line(first.step.about, 120)}: {one_line(first.problem, 300)}",
            hint=rest_hint("applying"),
        )
