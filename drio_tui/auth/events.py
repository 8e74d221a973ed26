"""Events of a sign-in, for the screen or command that shows it. URLs contain the state, so reprs omit them."""

from __future__ import annotations

from dataclasses import dataclass, field

from drio_tui.auth.errors import Step


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step began; `text` says what it does."""

    step: Step
    text: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step succeeded; `detail` is its result in a few words."""

    step: Step
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UrlReady:
    """The URL to open in the browser. To be shown in any case, so that the user can copy it if no browser opens."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasteOffered:
    """No browser can be opened here, so the user should paste the redirect URL; `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The wait for the callback began: `deadline` by `time.monotonic()`, `timeout` in seconds."""

    deadline: float
    timeout: float


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """No callback for `seconds`: the browser may show an error page of the server, which never redirects back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the user; the sign-in goes on."""

    text: str


Event = StepStarted | StepDone | UrlReady | PasteOffered | Waiting | StillWaiting | Notice
