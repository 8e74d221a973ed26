"""Which of a document's operations are shown and which are chosen, whoever draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from drio_tui.openapi_import.errors import Problem
from drio_tui.openapi_import.model import OperationSummary
from drio_tui.openapi_import.planning import warnings

_TESTS: dict[str, Callable[[OperationSummary], bool]] = {
    "is:safe": lambda one: one.safe,
    "is:unsafe": lambda one: not one.safe,
    "is:deprecated": lambda one: one.deprecated,
    "is:blocked": lambda one: bool(one.obstacle),
}


class OperationSelection:
    """Operations, of which some are chosen; `made` are those that became something already and can be no more."""

    def __init__(self, operations: Sequence[OperationSummary] = ()) -> None:
        self.operations = tuple(operations)
        self.made: set[str] = set()
        self._chosen: dict[str, None] = {}
        self._by_id = {one.id: one for one in self.operations}
        self._texts = [
            "\n".join((one.id, one.summary, *(f"tag:{tag}" for tag in one.tags))).casefold() for one in self.operations
        ]

    def shown(self, wanted: str) -> list[OperationSummary]:
        """The operations that have every word of `wanted` in method, path, summary or tags, in their own order.

        `tag:pets` looks at tags only; `is:safe`, `is:unsafe`, `is:deprecated`, `is:blocked` and `is:chosen` at what
        an operation is.
        """
        words = wanted.casefold().split()
        tests = [_TESTS[word] for word in words if word in _TESTS]
        plain = [word for word in words if word not in _TESTS and word != "is:chosen"]
        chosen_only = "is:chosen" in words
        return [
            one
            for one, text in zip(self.operations, self._texts, strict=True)
            if all(word in text for word in plain)
            and all(test(one) for test in tests)
            and (not chosen_only or one.id in self._chosen)
        ]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The ids of what is chosen, in the document's order."""
        return tuple(one.id for one in self.operations if one.id in self._chosen)

    def is_chosen(self, id: str) -> bool:
        """Whether it is chosen."""
        return id in self._chosen

    def why_not(self, id: str) -> str:
        """Why an operation cannot be chosen, as a sentence; empty when it can."""
        if id in self.made:
            return "The app has it already."
        one = self._by_id.get(id)
        return one.obstacle if one else "There is no such operation."

    def toggle(self, id: str) -> str:
        """Choose it, or no longer; gives why not, empty when it was done."""
        if id in self._chosen:
            del self._chosen[id]
            return ""
        why = self.why_not(id)
        if not why:
            self._chosen[id] = None
        return why

    def toggle_all(self, ids: Iterable[str]) -> None:
        """Choose all of these that can be, or none of them where all are chosen already."""
        able = [id for id in ids if not self.why_not(id)]
        if all(id in self._chosen for id in able):
            for id in able:
                del self._chosen[id]
        else:
            self._chosen |= dict.fromkeys(able)

    def choose(self, ids: Iterable[str]) -> None:
        """Choose all of these that can be."""
        self._chosen |= dict.fromkeys(id for id in ids if not self.why_not(id))

    def clear(self) -> None:
        """Choose nothing."""
        self._chosen.clear()

    def are_made(self, ids: Iterable[str]) -> None:
        """These, and no others, are in the app: they are chosen no longer, and cannot be."""
        self.made = set(ids)
        for id in self.made:
            self._chosen.pop(id, None)

    def tagged_as(self, id: str) -> tuple[str, ...]:
        """The ids of all operations that share a tag with this one (or have none, as it has none)."""
        tags = set(self._by_id[id].tags) if id in self._by_id else set()
        return tuple(one.id for one in self.operations if (tags & set(one.tags) if tags else not one.tags))

    @property
    def tokens(self) -> int:
        """About what the chosen ones add to a model's context."""
        return sum(self._by_id[id].tokens for id in self._chosen)

    @property
    def bytes(self) -> int:
        """How long the chosen ones are in the list of tools."""
        return sum(self._by_id[id].bytes for id in self._chosen)

    @property
    def unsafe(self) -> int:
        """How many of the chosen ones change something, going by their method."""
        return sum(not self._by_id[id].safe for id in self._chosen)

    def warnings(self) -> list[Problem]:
        """What should be known of so many."""
        return warnings(len(self._chosen), self.tokens, self.bytes)

    def __len__(self) -> int:
        return len(self._chosen)
