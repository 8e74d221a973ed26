"""Filters and selects a document's operations, independent of the user interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from drio_tui.openapi_import.errors import DocumentProblem
from drio_tui.openapi_import.model import OperationSummary
from drio_tui.openapi_import.planning import warnings

_TESTS: dict[str, Callable[[OperationSummary], bool]] = {
    "is:safe": lambda operation: operation.safe,
    "is:unsafe": lambda operation: not operation.safe,
    "is:deprecated": lambda operation: operation.deprecated,
    "is:blocked": lambda operation: bool(operation.obstacle),
}


class OperationSelection:
    """Operations, some of which are chosen. `existing` are the ids of those that the app has: they cannot be chosen."""

    def __init__(self, operations: Sequence[OperationSummary] = ()) -> None:
        self.operations = tuple(operations)
        self.existing: set[str] = set()
        self._chosen: dict[str, None] = {}
        self._by_id = {operation.id: operation for operation in self.operations}
        self._texts = [
            "\n".join((operation.id, operation.summary, *(f"tag:{tag}" for tag in operation.tags))).casefold()
            for operation in self.operations
        ]

    def shown(self, query: str) -> list[OperationSummary]:
        """Return the operations with every word of `query` in method, path, summary or tags, in the document's order.

        `tag:pets` searches only tags; `is:safe`, `is:unsafe`, `is:deprecated`, `is:blocked` and `is:chosen` filter by
        state.
        """
        words = query.casefold().split()
        tests = [_TESTS[word] for word in words if word in _TESTS]
        plain = [word for word in words if word not in _TESTS and word != "is:chosen"]
        chosen_only = "is:chosen" in words
        return [
            operation
            for operation, text in zip(self.operations, self._texts, strict=True)
            if all(word in text for word in plain)
            and all(test(operation) for test in tests)
            and (not chosen_only or operation.id in self._chosen)
        ]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The ids of the chosen operations, in the document's order."""
        return tuple(operation.id for operation in self.operations if operation.id in self._chosen)

    def is_chosen(self, id: str) -> bool:
        """Return whether an operation is chosen."""
        return id in self._chosen

    def why_not(self, id: str) -> str:
        """Return why an operation cannot be chosen, as a sentence; empty if it can."""
        if id in self.existing:
            return "The app has it already."
        operation = self._by_id.get(id)
        return operation.obstacle if operation else "There is no such operation."

    def toggle(self, id: str) -> str:
        """Choose an operation, or undo that; return why it cannot be chosen, or an empty text."""
        if id in self._chosen:
            del self._chosen[id]
            return ""
        reason = self.why_not(id)
        if not reason:
            self._chosen[id] = None
        return reason

    def toggle_all(self, ids: Iterable[str]) -> None:
        """Choose all of these that can be chosen, or none of them if all are chosen already."""
        selectable = [id for id in ids if not self.why_not(id)]
        if all(id in self._chosen for id in selectable):
            for id in selectable:
                del self._chosen[id]
        else:
            self._chosen |= dict.fromkeys(selectable)

    def choose(self, ids: Iterable[str]) -> None:
        """Choose all of these that can be chosen."""
        self._chosen |= dict.fromkeys(id for id in ids if not self.why_not(id))

    def clear(self) -> None:
        """Choose no operation."""
        self._chosen.clear()

    def set_existing(self, ids: Iterable[str]) -> None:
        """Set the operations that the app has; they are no longer chosen."""
        self.existing = set(ids)
        for id in self.existing:
            self._chosen.pop(id, None)

    def tagged_as(self, id: str) -> tuple[str, ...]:
        """Return the ids of all operations that share a tag with this one, or of all without tags if it has none."""
        tags = set(self._by_id[id].tags) if id in self._by_id else set()
        return tuple(
            operation.id
            for operation in self.operations
            if (tags & set(operation.tags) if tags else not operation.tags)
        )

    @property
    def tokens(self) -> int:
        """The estimated tokens that the chosen operations add to a model's context."""
        return sum(self._by_id[id].tokens for id in self._chosen)

    @property
    def bytes(self) -> int:
        """The size of the chosen operations in the list of tools."""
        return sum(self._by_id[id].bytes for id in self._chosen)

    @property
    def unsafe(self) -> int:
        """The number of chosen operations with an unsafe HTTP method."""
        return sum(not self._by_id[id].safe for id in self._chosen)

    def warnings(self) -> list[DocumentProblem]:
        """Return warnings about the number and the size of the chosen operations."""
        return warnings(len(self._chosen), self.tokens, self.bytes)

    def __len__(self) -> int:
        return len(self._chosen)
