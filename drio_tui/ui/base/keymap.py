"""The registry of key bindings: every key the program reacts to, declared once.

A screen or widget declares its keys with `section(...)` at import and uses the result as its `BINDINGS`.
The footer, the help screen, the command palette, the user's `[keys]` table in config.toml and the key
table of the documentation all read from here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from textual.binding import Binding, BindingType
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character


@dataclass(frozen=True, slots=True)
class Key:
    """One key binding.

    `id` is its name in config.toml (`apps.refresh`), `keys` are one or more Textual key names separated by
    commas, `action` a Textual action. `dangerous` ones change something on the server: they are hidden under
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
        """The same as a Textual binding."""
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
    """The keys of one screen or widget, under a title for the user.

    With `after`, the id of a key, they count only as the next key after that one.
    """

    name: str
    title: str
    keys: tuple[Key, ...]
    after: str = ""


@runtime_checkable
class DisablesActions(Protocol):
    """A screen, a widget or the app, some of whose actions cannot be done at times."""

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Return why an action is disabled now, as a sentence for the user; None if it is not."""


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
"""Ids, and first parts of ids, of earlier versions, which config.toml may still hold, and their current names."""

_KEY_NAMES = frozenset({*(key.value for key in Keys), *KEY_NAME_REPLACEMENTS.values()})
_sections: dict[str, Section] = {}
_by_id: dict[str, Key] = {}
_dangerous: set[str] = set()


def section(name: str, title: str, *keys: Key, after: str = "") -> list[BindingType]:
    """Register the keys of a screen or widget and return its `BINDINGS`; those of a prefix with `after`, its id.

    Declaring a section a second time replaces it. Raises `ValueError` for an id, or a name with another title, that is
    taken: both are unique in the whole program.
    """
    old = _sections.get(name)
    if old is not None and old.title != title:
        raise ValueError(f"the section {name} is taken")
    for key in old.keys if old else ():
        _by_id.pop(key.id, None)
    for key in keys:
        if key.id in _by_id:
            raise ValueError(f"the binding id {key.id} is taken")
        _by_id[key.id] = key
        if key.dangerous:
            _dangerous.add(key.action_name)
    _sections[name] = Section(name, title, keys, after)
    return [key.binding for key in keys]


def sections() -> tuple[Section, ...]:
    """Return every section that is declared by now, the program-wide one first."""
    return tuple(sorted(_sections.values(), key=lambda part: part.name != "app"))


def modules() -> Iterator[str]:
    """Yield the names of the modules of all screens and widgets, which declare their sections."""
    import drio_tui.ui

    for module in pkgutil.walk_packages(drio_tui.ui.__path__, drio_tui.ui.__name__ + "."):
        yield module.name


def load_sections() -> None:
    """Import every screen and widget of the program, which declares their sections."""
    for name in modules():
        importlib.import_module(name)


def find(binding_id: str | None) -> Key | None:
    """Return the registered key with this id; None if there is none."""
    return _by_id.get(binding_id or "")


def keys_after(prefix: str) -> tuple[Key, ...]:
    """Return the keys that count as the next key after the one with this id; none if it is no prefix."""
    return tuple(key for part in _sections.values() if prefix and part.after == prefix for key in part.keys)


def is_dangerous(action: str) -> bool:
    """Return whether an action (its bare name) changes something on the server."""
    return action in _dangerous


def movement(prefix: str) -> tuple[Key, ...]:
    """Return the keys that every list has beyond the arrows: j k g G. `prefix` starts their ids."""
    return (
        Key(f"{prefix}.down", "j", "cursor_down", "Down", show=False, palette=False),
        Key(f"{prefix}.up", "k", "cursor_up", "Up", show=False, palette=False),
        Key(f"{prefix}.first", "g", "first", "First", show=False, palette=False),
        Key(f"{prefix}.last", "G", "last", "Last", show=False, palette=False),
    )


def with_current_ids(configured: Mapping[str, str]) -> dict[str, str]:
    """Return a user's `[keys]` table with the ids of earlier versions replaced.

    A current id takes precedence over its old ids. If several old ids have become one, the keys of all of them count.
    """
    earlier: dict[str, dict[str, None]] = {}
    current: dict[str, str] = {}
    for name, keys in configured.items():
        current_id = _current_id(name)
        if current_id == name:
            current[name] = keys
        else:
            earlier.setdefault(current_id, {}).update(dict.fromkeys(key.strip() for key in keys.split(",")))
    return {name: ",".join(keys) for name, keys in earlier.items()} | current


def _current_id(name: str) -> str:
    section_name, dot, key = name.partition(".")
    return _RENAMED.get(name) or f"{_RENAMED_SECTIONS.get(section_name, section_name)}{dot}{key}"


def problems(configured: Mapping[str, str]) -> list[str]:
    """Return what is wrong in a user's `[keys]` table: unknown ids, unknown keys, a key used twice in one section."""
    errors = [f"[keys] {name}: there is no such binding" for name in configured if name not in _by_id]
    errors += [
        f"[keys] {name}: there is no key {key}"
        for name, keys in configured.items()
        for key in _split(keys)
        if not _is_key(key)
    ]
    for part in _sections.values():
        used_by: dict[str, str] = {}
        for key in part.keys:
            for name in _split(configured.get(key.id, key.keys)):
                if name in used_by and (key.id in configured or used_by[name] in configured):
                    errors.append(f"[keys] {name} is used by both {used_by[name]} and {key.id}")
                used_by.setdefault(name, key.id)
    return errors


def _is_key(name: str) -> bool:
    """Return whether Textual can report a key of this name: `f1`, `ctrl+r`, `question_mark`, `x`."""
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
    "asterisk": "*",
    "exclamation_mark": "!",
    "plus": "+",
    "minus": "-",
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
    "pageup": "PageUp",
    "pagedown": "PageDown",
    "home": "Home",
    "end": "End",
    "insert": "Insert",
    "delete": "Delete",
}


def display(keys: str) -> str:
    """Return keys as they are usually written: `ctrl+p` → `Ctrl+P`, `j,down` → `j ↓`."""
    parts = []
    for name in _split(keys):
        *modifiers, last = name.split("+") if len(name) > 1 else [name]
        label = _NAMES.get(last, last)
        if (modifiers and len(label) == 1) or (len(label) > 1 and label[0] == "f" and label[1:].isdigit()):
            label = label.upper()
        parts.append("+".join([*(m.capitalize() for m in modifiers), label]))
    return " ".join(parts)


def displayed(key: Key, configured: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a key as it is pressed, given the user's `[keys]` table: `g t` for one after a prefix."""
    shown = display(configured.get(key.id, key.keys))
    prefix = next((_by_id[part.after] for part in _sections.values() if part.after and key in part.keys), None)
    return f"{displayed(prefix, configured).split()[0]} {shown}" if prefix is not None else shown


def markdown_table() -> str:
    """Return the tables of docs/keys.md."""
    lines = []
    for part in sections():
        lines += [f"## {part.title}", "", "| Key | What it does | Id |", "|---|---|---|"]
        for key in part.keys:
            keys = displayed(key).replace("|", "\\|")
            note = " (not under `--read-only`)" if key.dangerous else ""
            lines.append(f"| `{keys}` | {key.tooltip or key.description}{note} | `{key.id}` |")
        lines.append("")
    return "\n".join(lines)
