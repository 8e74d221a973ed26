"""Rebinding a tool to its operation after the operation's schema changed: shown first, then written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from drio_tui.api.errors import DrioError
from drio_tui.kinds import OPERATION, TOOL
from drio_tui.ui.base.services import get_saver, known_schemas
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.saving.save_result import Edit, Failed, SaveOutcome
from drio_tui.workspace.saving.saver import Preview

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.context import DrioContext


async def rebind(drio: DrioContext, client: DrioClient, app: str, tool: Resource) -> SaveOutcome | None:
    """Show what changed and rebind; None if the user cancelled. To be called in a worker."""
    from drio_tui.ui.editing.editors.binding import difference  # editors are imported when one is first shown

    saver = get_saver(drio.connection, client)
    edit = Edit(TOOL, app, tool.id, tool.raw, tool.raw, again=("binding",))
    preview = await saver.preview(edit)
    if not isinstance(preview, Preview):
        return preview
    binding = preview.remote.get("binding") or {}
    id = str(binding.get("integrationOperationId"))
    current = await saver.read(OPERATION, app, id)
    if not isinstance(current, dict):
        return Failed(current or DrioError("its operation is not there any more", title="It cannot be rebound"))
    operation = Resource("operation", id, current)
    schemas = await known_schemas(drio.connection, app, preview.remote)
    title = Content.assemble("Rebind it to the current schema of ", sanitize_line(operation.name, 60, "bold"), ".")
    no_way_back = Content.styled(
        "This cannot be undone: drio cannot restore a binding to the earlier schema.", "$text-warning"
    )
    about = [title, Content(), *difference(binding, operation, schemas), Content(), no_way_back]
    screen = ReviewDialog(edit.name, TOOL, preview.diff, preview.merge.remote_changes, about=about)
    return await saver.save(edit, preview=preview) if await drio.push_screen_wait(screen) else None
