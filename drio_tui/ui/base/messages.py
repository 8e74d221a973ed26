"""The messages of the connection to the app. They hold plain data; only handlers touch widgets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from textual.message import Message

if TYPE_CHECKING:
    from drio_tui.api.errors import DrioError
    from drio_tui.auth.flow import SignInResult
    from drio_tui.session import Session

Phase = Literal[
    "starting", "first-run", "signed-out", "connecting", "online", "offline", "failed", "restarting", "stopped"
]

UNREACHABLE: frozenset[Phase] = frozenset({"offline", "restarting", "stopped"})
"""The phases in which what is shown may be out of date."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the status line shows. Its texts are not sanitized: show them through `sanitize_line`.

    `waiting` is the number of seconds until a failed request is sent again, 0 if none waits. `faults` names what is on
    in the fault lab of a sandbox. `cassette` is "recording" or "replay" while a cassette is used. `api` says which
    versions of the API drio serves, empty in a sandbox and where it is not known; `is_v1_gone` if v1 is
    not among them, so that nothing can be edited.
    """

    phase: Phase = "starting"
    profile: str = ""
    host: str = ""
    account: str = ""
    cause: str = ""
    sandbox: bool = False
    read_only: bool = False
    waiting: float = 0.0
    faults: tuple[str, ...] = ()
    cassette: str = ""
    api: str = ""
    is_v1_gone: bool = False


def undo_hint(status: Status, hint: str) -> str:
    """Return `hint`, what becomes of changes that were made; in a replay, that there were none."""
    return "This was a replay: nothing was changed." if status.cassette == "replay" else hint


def undo_promise(status: Status, promise: str) -> str:
    """Return `promise`, how changes that are about to be made can be taken back; in a replay, that none are made."""
    return "This is a replay: nothing is changed." if status.cassette == "replay" else promise


class SessionChanged(Message):
    """Another session is in use, or none (`session` is None: signed out)."""

    def __init__(self, session: Session | None) -> None:
        super().__init__()
        self.session = session


class ConnectionChanged(Message):
    """The state of the connection changed."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self.status = status


class ExchangeLogged(Message):
    """A request started or ended; its exchange is in `connection.log`."""

    def __init__(self, exchange: Any) -> None:
        super().__init__()
        self.exchange = exchange


@dataclass(frozen=True, slots=True)
class Step:
    """One step of starting up: what it does, whether it is done, and why it failed (empty if it did not)."""

    text: str
    done: bool = False
    failed: str = ""


class StartupChanged(Message):
    """Startup progress changed; `steps` are all steps until now."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        super().__init__()
        self.steps = steps


class StartupFailed(Message):
    """Starting up ended in an error; the program offers to retry."""

    def __init__(self, error: DrioError) -> None:
        super().__init__()
        self.error = error


class BackendReady(Message):
    """Requests can be made. `first_run` if there is no profile yet and none was asked for."""

    def __init__(self, *, first_run: bool = False) -> None:
        super().__init__()
        self.first_run = first_run


class RequestFailed(Message):
    """A request of a screen ended in an error; posted to the screen that made it."""

    def __init__(self, error: DrioError, group: str) -> None:
        super().__init__()
        self.error = error
        self.group = group


class SignInWanted(Message):
    """The sign-in ended, or lacks scopes, while requests wait; `answer` gets the new one, or None.

    `scopes` are the scopes that the new sign-in needs, empty for those the server lists.
    """

    def __init__(self, answer: asyncio.Future[SignInResult | None], scopes: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.answer = answer
        self.scopes = scopes


class Notice(Message):
    """A notification for the user that is not an error, on whatever screen is shown; `warning` is its severity."""

    def __init__(self, text: str, *, title: str = "", warning: bool = False) -> None:
        super().__init__()
        self.text = text
        self.title = title
        self.warning = warning
