"""The binding registry: every key the program reacts to, said once.

A screen or widget declares its keys with `section(...)` at import and uses the result as its `BINDINGS`.
The footer, the help screen, the command palette, the user's `[keys]` table in config.toml and the key
table of the README all read from here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character


@dataclass(frozen=True, slots=True)
class Key:
    """One binding.

    `id` is what config.toml calls it (`apps.refresh`), `keys` one or more textual key names separated by
    commas, `action` a textual action. `dangerous` ones change something on the server: they vanish under
    `--read-only`. `show` puts it in the footer, `palette` offers it in the command palette.
    """

    id: str
    keys: str
    action: str
    description: str
    tooltip: str = ""
    dangerous: bool = False
    show: bool = True
    palette: bool = True
    priority: bool = False

    @property
    def action_name(self) -> str:
        """The action without namespace and parameters."""
        return self.action.split("(", 1)[0].rpartition(".")[2]

    @property
    def binding(self) -> Binding:
        """The same as textual wants it."""
        return Binding(
            self.keys,
            self.action,
            self.description,
            show=self.show,
            tooltip=self.tooltip or self.description,
            id=self.id,
            priority=self.priority,
        )


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one screen or widget under a title people read."""

    name: str
    title: str
    keys: tuple[Key, ...]


_RENAMED = {
    "batch.left": "buttons.left",
    "batch.right": "buttons.right",
    "confirm.left": "buttons.left",
    "confirm.right": "buttons.right",
    "app_screen.try": "app_screen.playground",
}
_RENAMED_SECTIONS = {
    "chips": "tags",
    "copyable": "copy_field",
    "document": "rich_text",
    "guide": "wizard",
    "guide_config": "wizard_credentials",
    "guide_create": "wizard_create",
    "guide_name": "name_dialog",
    "guide_template": "wizard_template",
    "guide_things": "wizard_resources",
    "log": "requests",
    "picture": "widget_preview",
    "recovery": "unsaved_edits",
    "restoring": "rollback",
    "runs": "run_history",
    "step": "chain_step",
    "try": "playground",
}
"""Ids, and first parts of ids, of earlier versions, which config.toml may still hold, with those of today."""

_KEY_NAMES = frozenset({*(key.value for key in Keys), *KEY_NAME_REPLACEMENTS.values()})
_sections: dict[str, Section] = {}
_by_id: dict[str, Key] = {}
_dangerous: set[str] = set()


def section(name: str, title: str, *keys: Key) -> list[BindingType]:
    """Register the keys of a screen or widget and give back its `BINDINGS`.

    Ids are unique over the whole program; declaring a section a second time replaces it.
    """
    old = _sections.pop(name, None)
    for key in old.keys if old else ():
        _by_id.pop(key.id, None)
    for key in keys:
        if key.id in _by_id:
            raise ValueError(f"the binding id {key.id} is taken")
        _by_id[key.id] = key
        if key.dangerous:
            _dangerous.add(key.action_name)
    _sections[name] = Section(name, title, keys)
    return [key.binding for key in keys]


def sections() -> tuple[Section, ...]:
    """Every section declared so far, the program-wide one first."""
    return tuple(sorted(_sections.values(), key=lambda part: part.name != "app"))


def load_sections() -> None:
    """Import every screen and widget of the program, since importing one declares its section."""
    import drio_tui.ui

    for module in pkgutil.walk_packages(drio_tui.ui.__path__, drio_tui.ui.__name__ + "."):
        importlib.import_module(module.name)


def find(binding_id: str | None) -> Key | None:
    """The key with this id, if it is one of ours."""
    return _by_id.get(binding_id or "")


def is_dangerous(action: str) -> bool:
    """Whether an action (its bare name) changes something on the server."""
    return action in _dangerous


def movement(prefix: str) -> tuple[Key, ...]:
    """The keys every list has, beyond the arrows: j k g G. `prefix` starts their ids."""
    return (
        Key(f"{prefix}.down", "j", "cursor_down", "Down", show=False, palette=False),
        Key(f"{prefix}.up", "k", "cursor_up", "Up", show=False, palette=False),
        Key(f"{prefix}.first", "g", "first", "First", show=False, palette=False),
        Key(f"{prefix}.last", "G", "last", "Last", show=False, palette=False),
    )


def with_current_ids(wanted: Mapping[str, str]) -> dict[str, str]:
    """A user's `[keys]` table with the ids of earlier versions replaced; an id of today goes before its old ones.

    The keys of old ids that are one id today all count.
    """
    earlier: dict[str, dict[str, None]] = {}
    current: dict[str, str] = {}
    for name, keys in wanted.items():
        today = _current_id(name)
        if today == name:
            current[name] = keys
        else:
            earlier.setdefault(today, {}).update(dict.fromkeys(key.strip() for key in keys.split(",")))
    return {name: ",".join(keys) for name, keys in earlier.items()} | current


def _current_id(name: str) -> str:
    section, dot, key = name.partition(".")
    return _RENAMED.get(name) or f"{_RENAMED_SECTIONS.get(section, section)}{dot}{key}"


def problems(wanted: Mapping[str, str]) -> list[str]:
    """What is wrong with a user's `[keys]` table: unknown ids, unknown keys, one key for two things in one section."""
    found = [f"[keys] {name}: there is no such binding" for name in wanted if name not in _by_id]
    found += [
        f"[keys] {name}: there is no key {key}"
        for name, keys in wanted.items()
        for key in _split(keys)
        if not _is_key(key)
    ]
    for part in _sections.values():
        taken: dict[str, str] = {}
        for key in part.keys:
            for name in _split(wanted.get(key.id, key.keys)):
                if name in taken and (key.id in wanted or taken[name] in wanted):
                    found.append(f"[keys] {name} is used by both {taken[name]} and {key.id}")
                taken.setdefault(name, key.id)
    return found


def _is_key(name: str) -> bool:
    """Whether textual can ever report a key of this name: `f1`, `ctrl+r`, `question_mark`, `x`."""
    last = name.rpartition("+")[2] or name
    return " " not in name and (last in _KEY_NAMES or key_to_character(last) is not None)


def _split(keys: str) -> Iterator[str]:
    if keys == ",":
        yield keys
        return
    yield from (name.strip() for name in keys.split(",") if name.strip())


_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "Esc",
    "enter": "Enter",
    "backspace": "Backspace",
    "tab": "Tab",
    "space": "Space",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def display(keys: str) -> str:
    """Keys as people write them: `ctrl+p` → `Ctrl+P`, `j,down` → `j ↓`."""
    shown = []
    for name in _split(keys):
        *modifiers, last = name.split("+") if len(name) > 1 else [name]
        word = _NAMES.get(last, last)
        if (modifiers and len(word) == 1) or (len(word) > 1 and word[0] == "f" and word[1:].isdigit()):
            word = word.upper()
        shown.append("+".join([*(m.capitalize() for m in modifiers), word]))
    return " ".join(shown)


def markdown_table() -> str:
    """The key table of the README."""
    lines = []
    for part in sections():
        lines += [f"### {part.title}", "", "| Key | What it does | Id |", "|---|---|---|"]
        for key in part.keys:
            keys = display(key.keys).replace("|", "\\|")
            note = " (not under `--read-only`)" if key.dangerous else ""
            lines.append(f"| `{keys}` | {key.tooltip or key.description}{note} | `{key.id}` |")
        lines.append("")
    return "\n".join(lines)
