"""Restoring an earlier deployment from the deploy screen, if the connected drio keeps them (only the sandbox does)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from textual.binding import BindingType
from textual.message import Message

from drio_tui.api.errors import DrioError
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.deploy.deployment_history import Deployment, Restored, deployments, restore

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.deploy.deploy_record import DeployRecordStore

BINDINGS: list[BindingType] = keymap.section(
    "rollback",
    "Earlier deployments (sandbox)",
    Key("rollback.restore", "R", "restore_earlier", "Restore", "Publish an earlier deployment again", dangerous=True),
)


class DeploymentsLoaded(Message):
    """The earlier deployments were loaded."""

    def __init__(self, deployments: list[Deployment]) -> None:
        super().__init__()
        self.deployments = deployments


class RestoreFinished(Message):
    """A restore finished, successfully or not."""

    def __init__(self, outcome: Restored | DrioError) -> None:
        super().__init__()
        self.outcome = outcome


class DeployView(ScreenContext, Protocol):
    """What the rollback needs of the deploy screen, which documents the attributes and methods."""

    app_id: str

    @property
    def records(self) -> DeployRecordStore: ...

    def action_refresh(self) -> None: ...


class Rollback:
    """Lists the earlier deployments of an app, and publishes the one that the user chooses."""

    def __init__(self, screen: DeployView) -> None:
        self._screen = screen

    def can_restore(self) -> bool:
        """Return whether the connected drio keeps earlier deployments: only the sandbox does."""
        client = self._screen.connection.client
        return client is not None and client.transport.is_sandbox

    def restore_earlier(self) -> None:
        """Read the earlier deployments, of which the user then chooses one."""
        screen = self._screen

        async def load(client: DrioClient) -> DeploymentsLoaded:
            return DeploymentsLoaded(await deployments(client, screen.app_id))

        screen.run_request(load, lambda message: message, group="earlier", once=True)

    def deployments_loaded(self, message: DeploymentsLoaded) -> None:
        screen = self._screen
        choices = [
            Choice(earlier.version, earlier.version, _summary(earlier))
            for earlier in message.deployments
            if not earlier.live
        ]
        if not choices:
            screen.drio.notify("There is no earlier deployment.", markup=False)
            return
        live = next((earlier.version for earlier in message.deployments if earlier.live), "what is live")
        title = f"Publish again, in the place of {live}"
        screen.drio.push_screen(SelectDialog(title, choices), self._restore)

    def _restore(self, choice: Choice[Any] | None) -> None:
        if choice is None:
            return
        screen, version = self._screen, str(choice.value)

        records = screen.records

        async def work(client: DrioClient) -> RestoreFinished:
            outcome = await restore(get_saver(screen.connection, client), screen.app_id, version)
            if isinstance(outcome, Restored):
                await asyncio.to_thread(records.restored, outcome.of, outcome.version, outcome.endpoint)
            return RestoreFinished(outcome)

        screen.run_request(work, lambda message: message, group="restore", once=True)

    def restore_finished(self, message: RestoreFinished) -> None:
        screen, outcome = self._screen, message.outcome
        if isinstance(outcome, DrioError):
            screen.drio.show_error(outcome)
        else:
            text = f"{outcome.of} is live again, as {outcome.version}. The draft stays as it is."
            screen.drio.notify(sanitize_line(text, 200).plain, title="Restored", markup=False)
        screen.action_refresh()


def _summary(earlier: Deployment) -> str:
    time = earlier.at[:16].replace("T", " ")
    counts = f"{count_of(earlier.tools, 'tool')}, {count_of(earlier.widgets, 'widget')}"
    return f"{time}  {counts}{f', again {earlier.restored_from}' if earlier.restored_from else ''}"
