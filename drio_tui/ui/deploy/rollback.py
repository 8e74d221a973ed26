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

    def update_status(self) -> None: ...


class Rollback:
    """Lists the earlier deployments of an app, and publishes the one that the user chooses.

    Attributes:
        doing: What is under way, without a full stop (`Publishing 1.0.0 again`); empty if nothing is.
    """

    def __init__(self, screen: DeployView) -> None:
        self._screen = screen
        self._stopped = False
        self.doing = ""

    @property
    def publishing(self) -> bool:
        """Whether an earlier deployment is being published again."""
        return bool(self.doing) and self._screen.has_request("restore")

    def _begin(self, doing: str) -> None:
        self._stopped, self.doing = False, doing
        self._screen.update_status()

    def end(self) -> None:
        """Nothing is under way any more."""
        if self.doing:
            self.doing = ""
            self._screen.update_status()

    def stop(self) -> bool:
        """Stop waiting for the publishing, and look up its outcome; return False the second time, or if it cannot."""
        screen = self._screen
        client = screen.connection.client
        if client is None or self._stopped or not get_saver(screen.connection, client).stop_deploy(screen.app_id):
            return False
        self._stopped, self.doing = True, "You stopped waiting. Looking whether it happened"
        self._screen.update_status()
        return True

    def can_restore(self) -> bool:
        """Return whether the connected drio keeps earlier deployments: only the sandbox does."""
        client = self._screen.connection.client
        return client is not None and client.transport.is_sandbox

    def restore_earlier(self) -> None:
        """Read the earlier deployments, of which the user then chooses one."""
        screen = self._screen

        async def load(client: DrioClient) -> DeploymentsLoaded:
            return DeploymentsLoaded(await deployments(client, screen.app_id))

        if screen.run_request(load, lambda message: message, group="earlier", once=True) is not None:
            self._begin("Reading the earlier deployments")

    def deployments_loaded(self, message: DeploymentsLoaded) -> None:
        screen = self._screen
        self.end()
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

        if screen.run_request(work, lambda message: message, group="restore", once=True) is not None:
            self._begin(f"Publishing {version} again")

    def restore_finished(self, message: RestoreFinished) -> None:
        screen, outcome = self._screen, message.outcome
        self.end()
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
