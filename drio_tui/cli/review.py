"""Showing what a command would change, asking, carrying it out as a plan, and printing the results."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import DrioError
from drio_tui.cli.common import ask_before, command_hint
from drio_tui.cli.find import OpenedApp
from drio_tui.cli.output import Styled, echo, echo_json, info, style, warn
from drio_tui.cli.render import ascii_only
from drio_tui.plan.changes import PlanView, ResourceChange, as_dict
from drio_tui.plan.render import PlanLine, plan_lines, time_left
from drio_tui.plan.step_changes import changes_by_step
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.plan.executor import Executor, Result
    from drio_tui.plan.record import PlanSession
    from drio_tui.plan.state import StepState
    from drio_tui.plan.steps import Step
    from drio_tui.workspace.model.snapshot import Snapshot
    from drio_tui.workspace.saving.journal import Journal

_TONES: Mapping[str, Mapping[str, Any]] = {
    "create": {"fg": "green"}, "update": {"fg": "yellow"}, "rename": {"fg": "yellow"}, "delete": {"fg": "red"},
    "conflict": {"fg": "red", "bold": True}, "old": {"fg": "red"}, "new": {"fg": "green"}, "heading": {"bold": True},
    "dim": {"dim": True},
}  # fmt: skip
_DONE = {"create": "created", "update": "changed", "delete": "deleted"}
_INDENT = 4
_NOTE_SECONDS = 10.0
_NOT_UNDOABLE = "`undo` cannot take it back, since the history of changes was not written."
_NOTHING_SENT = "This was a replay: nothing was sent, and nothing was changed."


class NotAllDone(DrioError):
    """Some changes were made, and others were not."""

    title = "Not everything was done"


def _require_no_circle(snapshot: Snapshot, steps: Iterable[Step]) -> None:
    """Raise `DrioError` if a tool would hand its result, through others, to itself: drio refuses that."""
    from drio_tui.workspace.lint.tool_chain import Chains, ids

    chains = Chains.of(snapshot)
    after = {
        step.ref: ids(change.after)
        for step in steps
        for change in step.changes
        if step.kind == "tool" and change.path == ("nextToolIds",)
    }
    for tool, targets in after.items():
        chains = chains.with_next(tool, targets)
    if circle := next(filter(None, map(chains.cycle, after)), None):
        names = " → ".join(one_line(chains.name(tool), 60) for tool in circle)
        raise DrioError(f"the chain would run in a circle: {names}", title="Nothing was changed")


async def carry_out(
    opened: OpenedApp,
    steps: Sequence[Step],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    notes: Iterable[str] = (),
    ids_only: bool = False,
    shown: Mapping[str, ResourceChange] | None = None,
    markdown: bool = False,
    more: Mapping[str, Any] | None = None,
    repeatable: Callable[[], bool] = lambda: True,
    title: str = "",
) -> None:
    """Show the steps and ask, unless `yes`; carry them out as one plan that one undo takes back; print the results.

    With `dry_run` they are only printed, with `markdown` as Markdown. `notes` are remarks about all of them, not
    sanitized. With `ids_only` what is printed of a success on stdout is the id of the resource. `shown` are changes to
    show for some steps (by id), `more` are further values of the JSON. `repeatable` returns whether the same command
    changes nothing again that is done already. `title` says what the steps do together: the program offers them under
    it when the command was killed. Raises `NotAllDone` if a step is not done, and `DrioError`, with `dry_run` too, if
    a chain would run in a circle.
    """
    from drio_tui.plan.executor import Executor

    _require_no_circle(opened.snapshot, steps)
    changes = changes_by_step(steps, opened.snapshot, shown)
    more = dict(more or {})
    view = PlanView(tuple(changes.values()), notes=tuple(notes))
    if dry_run:
        if as_json:
            echo_json({"app": opened.id} | as_dict(view) | more)
        elif markdown:
            from drio_tui.plan.render import as_markdown

            echo(as_markdown(view))
        else:
            print_plan(view)
        return
    if not steps:
        if as_json:
            echo_json({"app": opened.id, "group": None, "results": []} | more)
        else:
            for note in view.notes:
                info(one_line(note, 400))
            info("Nothing to change.")
        return
    if not yes:
        print_plan(view, err=True)
        ask_before(f"Make {count_of(len(steps), 'change')}?", yes=yes)
    session = await _kept_plan(opened, steps, title or steps[0].about)
    executor = session.executor(opened.saver) if session else Executor(opened.saver, opened.id, [*steps])

    def print_result(result: Result) -> None:
        state = executor.state(result.step)
        _print_result(changes[result.step.id], result, state.fields, state.made if ids_only else None)

    in_order = ResultsInOrder(executor, print_result if not as_json else lambda _: None)
    try:
        await executor.run(on_result=in_order)
    finally:
        if session is not None:
            session.close(forget=not any(executor.state(step).maybe for step in steps))
    if as_json:
        shown = as_dict(view)["changes"]
        results = [
            change | _result_as_dict(step, executor.result(step), executor.state(step))
            for change, step in zip(shown, steps, strict=True)
        ]
        echo_json({"app": opened.id, "group": executor.group, "results": results} | more)
    else:
        for step in in_order.finish():
            warn(f"{one_line(changes[step.id].title, 200)} was not tried")
    journal = opened.saver.journal(opened.id)
    for notice in journal.notices if journal else ():
        info(notice)
    done = sum(result is not None and result.ok for result in executor.results)
    if done < len(steps):
        problem = next((one_line(result.problem, 300) for result in executor.failed), "it was stopped")
        if len(steps) == 1:
            error = getattr(executor.failed[0].outcome, "error", None) if executor.failed else None
            raise NotAllDone(problem, title="Not done", hint=error.hint if error else "")
        raise NotAllDone(
            f"{len(steps) - done} of {len(steps):,} changes were not made. The first: {problem}",
            hint=rest_hint("the same command")
            if not done or repeatable()
            else _repeated_hint(app_name(opened.snapshot), journal),
        )
    if not as_json and any(step.changes or step.verb != "update" for step in steps):
        info(undo_hint(app_name(opened.snapshot), journal))


def undo_hint(app: str, journal: Journal | None) -> str:
    """Return how the changes of this command to `app` are taken back; that they cannot be, or that it was a replay."""
    from drio_tui.api.http import is_replay

    if is_replay():
        return _NOTHING_SENT
    return _NOT_UNDOABLE if journal and journal.is_lost_at_the_end else f"`{command_hint('undo', app)}` takes it back."


def rest_hint(again: str, *, undo: str = "") -> str:
    """Return what remains to be done after some changes failed: `again`, or `undo`; of a replay, that none was made."""
    from drio_tui.api.http import is_replay

    if is_replay():
        return _NOTHING_SENT
    return f"What was done stays; {again} again does the rest{f', and {undo}' if undo else ''}."


def _repeated_hint(app: str, journal: Journal | None) -> str:
    """Return what to do after some changes failed, of which the same command would make those again that were made."""
    undo = undo_hint(app, journal)
    return undo if undo == _NOTHING_SENT else f"What was done stays, and the same command would do it once more. {undo}"


class ResultsInOrder:
    """Calls `show` with the results of a plan in the order of its steps, whatever the order in which they come.

    From time to time it prints on stderr how long the plan still takes.
    """

    def __init__(self, executor: Executor, show: Callable[[Result], None]) -> None:
        self._executor, self._show = executor, show
        self._waiting = deque(executor.steps)
        self._noted_at = monotonic()

    def __call__(self, _: Result) -> None:
        """Show the results that have come, up to the first step without one."""
        if monotonic() - self._noted_at >= _NOTE_SECONDS and (left := time_left(self._executor)):
            self._noted_at = monotonic()
            info(
                f"{len(self._executor.steps) - len(self._executor.untried):,} of {len(self._executor.steps):,}, {left}"
            )
        while self._waiting and (result := self._executor.result(self._waiting[0])) is not None:
            self._waiting.popleft()
            self._show(result)

    def finish(self) -> list[Step]:
        """Show the results that are left, and return the steps without one."""
        untried = []
        for step in self._waiting:
            result = self._executor.result(step)
            if result is None:
                untried.append(step)
            else:
                self._show(result)
        return untried


async def _kept_plan(opened: OpenedApp, steps: Sequence[Step], title: str) -> PlanSession | None:
    """Return a plan that is kept in a file while it is carried out; None if it creates nothing, or cannot be kept.

    If the same command was killed after it had sent a create, its plan goes on: the resource is looked up first. Other
    steps read their resource anyway.
    """
    if all(step.verb != "create" for step in steps):
        return None
    from drio_tui.plan.record import PlanRecord, PlanSession, load_records, without_step_secrets

    profile, server = opened.session.profile, opened.session.server_id
    wanted = [without_step_secrets(step) for step in steps]

    def open_session() -> PlanSession | None:
        for record in load_records(profile, server).records:
            if record.app == opened.id and [without_step_secrets(step) for step in record.steps] == wanted:
                with contextlib.suppress(OSError, ValueError):
                    session = PlanSession.resume(record.id)
                    session.record.steps = tuple(steps)  # with the secrets
                    return session
        with contextlib.suppress(OSError):
            return PlanSession.begin(PlanRecord(profile, server, opened.id, title, tuple(steps)))
        return None

    return await asyncio.to_thread(open_session)


def print_plan(view: PlanView, *, err: bool = False) -> None:
    """Print a plan line by line, the totals last."""
    print_lines(plan_lines(view), err=err)


def print_lines(lines: Iterable[PlanLine], *, err: bool = False) -> None:
    """Print lines of a plan."""
    for line in lines:
        echo(*_styled(line), err=err)


def _styled(line: PlanLine) -> tuple[str | Styled, ...]:
    """Return the parts of a line of a plan, with its indent and colour."""
    symbol = f"{line.symbol} " if line.symbol else ""
    text = f"{symbol}{one_line(line.text)}"
    if ascii_only():
        text = text.replace("→", "->").replace("…", "...")
    attributes = _TONES.get(line.tone)
    return (" " * (_INDENT * line.indent), style(text, **attributes) if attributes else text)


def _print_result(change: ResourceChange, result: Result, errors: Mapping[str, str], id: str | None) -> None:
    """Print the result of a step, with the `errors` by property; with `id`, only that of a success on stdout."""
    properties = ", ".join(field.dotted for field in change.fields) if change.action == "update" else ""
    title = one_line(change.title, 200)
    details = [*filter(None, (properties, change.note))]
    detail = one_line(f": {', '.join(details)}" if details else "", 300)
    if not result.ok:
        warn(style("x" if ascii_only() else "✗", fg="red"), f" {title}{detail}")
        warn(f"  {one_line(result.problem, 400)}")
        for path, message in errors.items():
            warn(f"  {one_line(path, 80)}: {one_line(message, 200)}")
    elif id:
        echo(one_line(id, 300))
        info(f"{_DONE[change.action].capitalize()} {title}.")
    else:
        echo(style("ok" if ascii_only() else "✓", fg="green"), f" {_DONE[change.action]} {title}{detail}")


def _result_as_dict(step: Step, result: Result | None, state: StepState) -> dict[str, Any]:
    problem = "it was not tried" if result is None else result.problem
    id = state.made or (None if step.verb == "create" else step.ref)
    return {"id": id, "done": result is not None and result.ok, "problem": problem or None, "errors": state.fields}


def app_name(snapshot: Snapshot) -> str:
    """Return the slug of an app, else its id."""
    return snapshot.app.text("slug") or snapshot.app_id if snapshot.app else snapshot.app_id
