"""The options the program was started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """The options of the command line.

    `profile` and `base_url` choose where to connect (None: the current profile); `sandbox` starts or joins
    the local sandbox, whose data are in `data_dir` (None: the platform's folder); `read_only` hides every
    action that changes something; `theme` overrides the configured one for this run. `new` opens the
    wizard that creates an app, prefilled with a template's id and a name (either may be empty). `cassette` says
    whether requests are recorded to a cassette or answered from one. `live` says whether drio is looked at from time to
    time for changes by others.
    """

    profile: str | None = None
    base_url: str | None = None
    sandbox: bool = False
    read_only: bool = False
    data_dir: Path | None = None
    theme: str | None = None
    new: tuple[str, str] | None = None
    cassette: Literal["", "recording", "replay"] = ""
    live: bool = True
