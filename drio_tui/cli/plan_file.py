"""Saved plans in commands: `plan --out FILE` stores one, `apply FILE` carries it out, one process at a time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drio_tui.cli.output import info
from drio_tui.session import Session

if TYPE_CHECKING:
    from drio_tui.manifest.apply import DocumentPlan
    from drio_tui.manifest.saved_plan import PlanFile, SavedPlan


def save_plan_file(session: Session, planned: DocumentPlan, folder: Path | None, out: Path, *, target: str) -> None:
    """Store a plan in the file `out`; `folder` is that of its document, `target` the text that names its app."""
    from drio_tui.manifest.saved_plan import PlanFile, relative_folder, save_plan

    relative = "" if folder is None else relative_folder(folder, out)
    saved = save_plan(planned, server=session.server_id, host=session.base_url, folder=relative, target=target)
    PlanFile(out, saved).store()


def open_plan_file(stack: ExitStack, path: Path) -> PlanFile | None:
    """Return the saved plan in a file, None if the path is a document's; no other process gets it before `stack` ends.

    Two that carry it out at the same time would create everything twice. Raises `BadPlan`.
    """
    from drio_tui.manifest.saved_plan import BadPlan, is_plan, read_plan
    from drio_tui.storage.lock import LockBusy, user_file_lock

    if not (path.is_file() and is_plan(path)):
        return None
    try:
        stack.enter_context(user_file_lock(path).hold_blocking(0))
    except LockBusy:
        raise BadPlan(f"{path} is being applied by another process", hint="Wait until it has ended.") from None
    return read_plan(path)


def document_folder(file: PlanFile) -> Path | None:
    """Return the folder of the document that a saved plan was made of, None if it is not there."""
    folder = (file.path.parent / file.plan.folder) if file.plan.folder else None
    return folder if folder is not None and folder.is_dir() else None


async def plan_of_file(session: Session, file: PlanFile, folder: Path | None) -> DocumentPlan:
    """Return a saved plan, checked against the app as it is now. Raises `NotApplicable` and `BadPlan`."""
    from drio_tui.manifest.apply import read_snapshot
    from drio_tui.manifest.form import DocumentForm, to_document
    from drio_tui.manifest.lock import find_base
    from drio_tui.workspace.model.snapshot import Snapshot

    saved = file.plan
    app = await _find_app(session, saved)
    snapshot, form = Snapshot(""), DocumentForm({})
    if app:
        snapshot = await read_snapshot(session.client, app)
        form = to_document(snapshot)
    base = find_base(folder, session.server_id, saved.desired) if folder is not None else None
    return saved.plan(snapshot, form, base)


async def finished_result(session: Session, saved: SavedPlan) -> dict[str, Any]:
    """Return the JSON of an `apply` of a plan that was applied already. Raises `NotApplicable`."""
    from drio_tui.manifest.apply import NotApplicable

    app = await _find_app(session, saved)
    if not app:
        raise NotApplicable(f"the app {saved.slug} was deleted since", hint="Make a new plan.")
    info("This plan was applied already.")
    return {"app": app, "group": saved.group, "plan": saved.view, "results": [], "deploy": None}


async def _find_app(session: Session, saved: SavedPlan) -> str:
    """Return the id of the app of a plan, empty if there is none. Raises `NotApplicable` for another drio or app."""
    from drio_tui.manifest.apply import NotApplicable, find_app_id

    app = await find_app_id(session.client, saved.desired, lambda: saved.app)
    if session.server_id != saved.server:
        raise NotApplicable(
            f"the plan is for {saved.host}, and this is {session.base_url}", hint="Name the drio with --profile."
        )
    if saved.app and app != saved.app:
        raise NotApplicable(f"the app {saved.slug} is another one now", hint="Make a new plan.")
    return app
