"""What an edit screen is opened for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EditTarget:
    """What is edited. Without an `id` it is a new resource, under `parent` if its kind needs one.

    `base` and `local` are the base and local version of an edit to go on with (a kept edit, a copy), with its `draft`
    and `texts` (as in `UnsavedEdit`); without them
    the resource is edited as the server has it. `in_external_editor` opens `$EDITOR` first. `unsaved_edit_id` is the id
    of the kept edit. `focus_path` is the path of the property to focus first (`actions[0].template`). `initial` holds
    the initial values of a new resource: properties of its editors, and its name. `requested_by` names what will refer
    to the new resource.
    """

    app: str
    kind: str
    id: str = ""
    parent: str = ""
    base: dict[str, Any] | None = field(default=None, repr=False)
    local: dict[str, Any] | None = field(default=None, repr=False)
    draft: str = field(default="", repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    in_external_editor: bool = False
    unsaved_edit_id: str = ""
    initial: dict[str, Any] = field(default_factory=dict, repr=False)
    requested_by: str = ""
    focus_path: str = ""
