"""Running tools for commands: the draft in the sandbox or from this machine, or what is deployed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from drio_tui.api.errors import UsageError
from drio_tui.cli.common import CREDENTIAL
from drio_tui.cli.output import prompt_secret
from drio_tui.cli.streams import can_prompt
from drio_tui.text import one_line

if TYPE_CHECKING:
    from drio_tui.session import Session
    from drio_tui.workspace.run.bound_tool import BoundTool
    from drio_tui.workspace.run.local_runner import LocalRunner
    from drio_tui.workspace.run.tool_run import Run

Target = Literal["sandbox", "here", "deployed"]


def chosen_target(session: Session, options: dict[str, Any], *, deployed: bool, from_here: bool) -> Target:
    """Return where tools are run: of a draft the sandbox has a route for it, with any other drio this machine does it.

    `options` are the connection options of the command.
    """
    if deployed:
        return "deployed"
    is_sandbox = options["sandbox"] or session.client.transport.is_sandbox
    return "sandbox" if is_sandbox and not from_here else "here"


@dataclass(slots=True)
class ToolRunner:
    """Runs tools of `app` at one target; `allow_private`: a run from this machine may call a private address."""

    session: Session
    app: dict[str, Any]
    target: Target
    local: LocalRunner
    allow_private: bool = False
    _endpoint: str = ""

    def prepare(self, bound: BoundTool) -> None:
        """Get what a run from this machine needs. Raises `UsageError` in a replay, and if a secret cannot be asked."""
        if self.target != "here":
            return
        from drio_tui.workspace.run.local_runner import origin, refuse_in_replay

        refuse_in_replay()
        self.local.hosts.add(origin(bound))
        if self.allow_private:
            self.local.private.add(origin(bound))
        self._provide_credentials(bound)

    async def run(self, bound: BoundTool, arguments: dict[str, Any]) -> Run:
        """Run a tool. Raises `DrioError` where it cannot be run."""
        if self.target == "deployed":
            from drio_tui.workspace.run.deployed_runner import run_deployed

            return await run_deployed(await self.endpoint(), bound, arguments)
        if self.target == "sandbox":
            from drio_tui.workspace.run.sandbox_runner import run_in_sandbox

            return await run_in_sandbox(self.session.client, bound, arguments)
        return await self.local.run(bound, arguments)

    async def endpoint(self) -> str:
        """Return the endpoint of the deployed app. Raises `NotDeployed`."""
        if not self._endpoint:
            from drio_tui.workspace.deploy.deploy_record import endpoint_of_app

            self._endpoint = await endpoint_of_app(self.session.client, self.app)
        return self._endpoint

    def _provide_credentials(self, bound: BoundTool) -> None:
        request = self.local.credential_request(bound)
        if request is None:
            return
        field, label = request.members[0]
        secret = os.environ.get(CREDENTIAL, "")
        if not secret:
            name = f"{label} of {one_line(request.connection, 60)} (goes to {one_line(request.place, 80)})"
            if not can_prompt():
                raise UsageError(f"the {name} is needed", hint=f"Set {CREDENTIAL}, or run it in a terminal.")
            secret = prompt_secret(name)
        self.local.provide_credentials(request, {field: secret})
