"""What a screen or a command is told while someone signs in. Addresses hold the state, so reprs leave them out."""

from __future__ import annotations

from dataclasses import dataclass, field

from drio_tui.auth.errors import Step


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step began; `text` says what is being done."""

    step: Step
    text: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step ended well; `detail` is its result in a few words."""

    step: Step
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UrlReady:
    """The address to open, to be shown and copyable whether or not a browser opens by itself."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasteOffered:
    """No browser will open from here, so pasting the last address back is the first way; `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The wait for the browser began: `deadline` by `time.monotonic()`, `timeout` in seconds."""

    deadline: float
    timeout: float


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """Nothing has come back for `seconds`: the browser may show an error page, from which nothing ever comes back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know that stops nothing."""

    text: str


Event = StepStarted | StepDone | UrlReady | PasteOffered | Waiting | StillWaiting | Notice
