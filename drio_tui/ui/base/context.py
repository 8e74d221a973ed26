"""What screens, dialogs and widgets may use of the app, and what collaborators of a screen may use of it, as Protocols.

With them nothing has to import the app, or the screen that it belongs to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, TypeVar, Unpack

from drio_tui.ui.base.workers import RunsWorkers

if TYPE_CHECKING:
    from textual.message import Message
    from textual.screen import Screen

    from drio_tui.api.client import DrioClient
    from drio_tui.api.errors import DrioError
    from drio_tui.session import Session
    from drio_tui.settings import Settings
    from drio_tui.ui.base.connection import Connection
    from drio_tui.ui.base.launch_options import LaunchOptions
    from drio_tui.ui.base.messages import Status, Step
    from drio_tui.workspace.model.snapshot import Snapshot

R = TypeVar("R")


class ConfirmOptions(TypedDict, total=False):
    """The options of a `ConfirmDialog`, which documents them."""

    agree: str
    name: str | None
    danger: bool
    ctrl_s: bool


class Navigation(Protocol):
    """How screens are opened and left; `Navigator` documents the methods."""

    async def confirm(self, title: str, body: str = ..., **options: Unpack[ConfirmOptions]) -> bool: ...

    def back(self, screen: Screen[Any] | None = ...) -> None: ...

    def sign_in(self, base_url: str | None = ...) -> None: ...

    def open_doctor(self) -> None: ...

    def open_app(self, app_id: str) -> None: ...

    def open_v3(self) -> None: ...

    def open_wizard(self, template: Any = ..., *, wanted: str = ..., name: str = ..., draft: str = ...) -> None: ...

    def open_tool(self, app_id: str, tool_id: str, arguments: dict[str, Any] | None = ...) -> None: ...

    def open_tests(self, app_id: str, tool_id: str, new: dict[str, Any] | None = ...) -> None: ...

    def open_calls(self, app_id: str, snapshot: Snapshot) -> None: ...

    def open_deploy(self, app_id: str, done: Callable[[Any], None] | None = ...) -> None: ...

    def open_connect(self, app_id: str, endpoint: str = ...) -> None: ...

    def open_document(self, app_id: str, slug: str = ..., done: Callable[[Any], None] | None = ...) -> None: ...


class DrioContext(RunsWorkers, Protocol):
    """The app as its screens see it; `DrioApp` documents the attributes and methods."""

    connection: Connection
    options: LaunchOptions
    settings: Settings
    status: Status
    steps: tuple[Step, ...]
    session: Session | None
    failure: DrioError | None
    app_focus: bool

    @property
    def navigator(self) -> Navigation: ...

    @property
    def screen(self) -> Screen[Any]: ...

    def notify(
        self, message: str, *, title: str = ..., severity: Any = ..., timeout: float | None = ..., markup: bool = ...
    ) -> None: ...

    def post_message(self, message: Message) -> bool: ...

    def call_later(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool: ...

    def push_screen(
        self,
        screen: Screen[Any],
        callback: Callable[[Any], None] | Callable[[Any], Awaitable[None]] | None = ...,
    ) -> Any: ...

    async def push_screen_wait(self, screen: Screen[Any]) -> Any: ...

    def show_error(self, error: DrioError) -> None: ...

    def copy(self, text: str, what: str = ...) -> None: ...

    def restart(self, *, sandbox: bool = ..., profile: str | None = ..., base_url: str | None = ...) -> None: ...

    def retry(self) -> None: ...


class ScreenContext(RunsWorkers, Protocol):
    """A screen as its collaborators see it; `DrioScreen` documents the methods. Their own Protocols add to it."""

    @property
    def drio(self) -> DrioContext: ...

    @property
    def connection(self) -> Connection: ...

    def run_request(
        self,
        call: Callable[[DrioClient], Awaitable[R]],
        done: Callable[[R], Message],
        *,
        group: str = ...,
        failed: Callable[[Any], Message] | None = ...,
        once: bool = ...,
    ) -> Any: ...

    def has_request(self, group: str) -> bool: ...

    def post_message(self, message: Message) -> bool: ...
