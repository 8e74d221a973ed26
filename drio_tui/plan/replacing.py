"""Finding and replacing text in the resources of an app: names, descriptions, instructions and texts of widgets.

What a template looks up (`{{ row.id }}`) and paths into results are no text, and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from drio_tui.kinds import KINDS
from drio_tui.plan.bulk import BulkPlan, can_be_changed, name_problem, update_step
from drio_tui.schema.patterns import BoundedPattern
from drio_tui.widget_data.template import split_lookups
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.saving.merge import Object

PROPERTIES = ("name", "description", "serverInstructions", "annotations", "actions", "config")
"""The properties with text: of `annotations` the title; of a widget the templates of messages and links, and labels."""
LONGEST_RESULT = 100_000
"""The most characters that a text may have once it is replaced."""
_MAX_STEPS = 2_000_000
_MAX_STEPS_OF_ALL = 20_000_000
_STYLE_TEXT = re.compile(r"(?:^|[a-z])(?:[Ll]abel|[Tt]itle|[Tt]ext|[Pp]laceholder)$")


@dataclass(frozen=True)
class Replacement:
    """What is replaced by what. With `regex`, `find` is a regular expression, and `\\1` in `text` is its first group.

    `first` replaces the first match in a text only. Whether it is valid is seen by `problem`.
    """

    find: str
    text: str
    regex: bool = False
    ignore_case: bool = False
    whole_word: bool = False
    first: bool = False

    @cached_property
    def problem(self) -> str:
        """Why nothing can be replaced, as a sentence; empty if it can."""
        if not self.find:
            return "There is nothing to find."
        try:
            self.cost("")
        except ValueError as error:
            return str(error)
        return ""

    @cached_property
    def _pattern(self) -> BoundedPattern:
        find = self.find if self.regex else re.escape(self.find)
        return BoundedPattern(find, ignore_case=self.ignore_case, whole_word=self.whole_word)

    def cost(self, text: str) -> int:
        """Return the most steps that replacing in a text may take."""
        return self._pattern.cost(text)

    def apply(self, text: str) -> str:
        """Return the text with all matches replaced. Raises `ValueError`, with a sentence, if it cannot be done."""
        if self.cost(text) > _MAX_STEPS:
            raise ValueError(f"This pattern takes too long in a text of {len(text):,} characters.")
        parts: list[str] = []
        position = length = 0
        for match in self._pattern.compiled.finditer(text):
            new = self._expanded(match)
            parts += [text[position : match.start()], new]
            position, length = match.end(), length + len(new)
            if length > LONGEST_RESULT:
                raise ValueError(f"A text would have more than {LONGEST_RESULT:,} characters.")
            if self.first:
                break
        return "".join((*parts, text[position:]))

    def _expanded(self, match: re.Match[str]) -> str:
        try:
            return match.expand(self.text) if self.regex else self.text
        except (re.error, IndexError) as error:
            raise ValueError(f"The replacement cannot be used: {error}.") from None


def replace_text(
    resources: Iterable[Resource], replacement: Replacement, properties: Collection[str] = PROPERTIES
) -> BulkPlan:
    """Return the plan that replaces text in these properties of the resources, see `PROPERTIES`."""
    if replacement.problem:
        return BulkPlan(problems=(replacement.problem,))
    replacer = _Replacer(replacement, properties)
    steps = []
    try:
        for resource in filter(can_be_changed, resources):
            step = update_step(resource, replacer.replaced(resource))
            if step is not None:
                steps.append(step)
    except ValueError as error:
        return BulkPlan(problems=(str(error),))
    problems = [problem for step in steps for change in step.changes if (problem := name_problem(change))]
    return BulkPlan(tuple(steps), tuple(problems))


class _Replacer:
    """Replaces in the texts of resources, until that takes too long."""

    def __init__(self, replacement: Replacement, properties: Collection[str]) -> None:
        self._replacement, self._properties = replacement, properties
        self._steps_left = _MAX_STEPS_OF_ALL

    def replaced(self, resource: Resource) -> Object:
        """Return a copy of the resource with its texts replaced. Raises `ValueError`."""
        raw: Object = dict(resource.raw)
        for name in self._properties:
            if name in raw and name not in KINDS[resource.kind].fixed:
                raw[name] = self._property(resource.kind, name, raw[name])
        return raw

    def _property(self, kind: str, name: str, value: Any) -> Any:
        match name:
            case "name" | "description" | "serverInstructions":
                return self._text(value)
            case "annotations" if kind == "tool":
                return self._inside(value, "title")
            case "actions" if kind == "widget" and isinstance(value, list):
                return [self._action(action) for action in value]
            case "config" if kind == "widget" and isinstance(value, dict):
                style = value.get("style")
                if isinstance(style, dict):
                    names = [name for name in style if _STYLE_TEXT.search(name)]
                    return {**value, "style": self._inside(style, *names)}
        return value

    def _inside(self, value: Any, *names: str) -> Any:
        if not isinstance(value, dict):
            return value
        return {**value, **{name: self._text(value[name]) for name in names if name in value}}

    def _action(self, action: Any) -> Any:
        template = action.get("template") if isinstance(action, dict) else None
        if not isinstance(template, str) or action.get("type") == "callTool":  # whose template are arguments
            return action
        parts = (part if is_lookup else self._text(part) for part, is_lookup in split_lookups(template))
        return {**action, "template": "".join(parts)}

    def _text(self, value: Any) -> Any:
        if not isinstance(value, str) or not value:
            return value
        self._steps_left -= min(self._replacement.cost(value), _MAX_STEPS)
        if self._steps_left < 0:
            raise ValueError("This pattern takes too long in this many texts.")
        return self._replacement.apply(value)
