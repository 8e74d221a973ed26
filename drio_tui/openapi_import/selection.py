"""Filters and selects a document's operations, independent of the user interface."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

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
    """Operations, some of which are chosen.

    `existing` are the ids of those that the app has: only those of them can be chosen that are `changed`, to update
    them. `gone` are operations of the app that the document lacks; they are chosen to delete them, one at a time.
    """

    def __init__(self, operations: Sequence[OperationSummary] = ()) -> None:
        self._of_document = tuple(operations)
        self.existing: set[str] = set()
        self.changed: frozenset[str] = frozenset()
        self.gone: frozenset[str] = frozenset()
        self._chosen: dict[str, None] = {}
        self._set_operations(())

    def _set_operations(self, gone: Sequence[OperationSummary]) -> None:
        self.operations = (*self._of_document, *gone)
        self.gone = frozenset(operation.id for operation in gone)
        self._by_id = {operation.id: operation for operation in self.operations}
        self._texts = [
            "\n".join((operation.id, operation.summary, *(f"tag:{tag}" for tag in operation.tags))).casefold()
            for operation in self.operations
        ]

    def shown(self, query: str) -> list[OperationSummary]:
        """Return the operations with every word of `query` in method, path, summary or tags, in the document's order.

        `tag:pets` searches only tags; `is:safe`, `is:unsafe`, `is:deprecated`, `is:blocked`, `is:chosen`, `is:changed`
        and `is:gone` filter by state.
        """
        words = query.casefold().split()
        states: dict[str, Container[str]] = {
            "is:chosen": self._chosen, "is:changed": self.changed, "is:gone": self.gone
        }  # fmt: skip
        tests = [_TESTS[word] for word in words if word in _TESTS]
        among = [states[word] for word in words if word in states]
        plain = [word for word in words if word not in _TESTS and word not in states]
        return [
            operation
            for operation, text in zip(self.operations, self._texts, strict=True)
            if all(word in text for word in plain)
            and all(test(operation) for test in tests)
            and all(operation.id in ids for ids in among)
        ]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The ids of the chosen operations, in the document's order."""
        return tuple(operation.id for operation in self.operations if operation.id in self._chosen)

    @property
    def counts(self) -> dict[str, int]:
        """How many operations there are of each state; all but those that are `gone` are the document's."""
        blocked = {operation.id for operation in self._of_document if operation.obstacle} - self.existing
        known = len(self.existing | self.changed)
        return {
            "new": len(self._of_document) - known - len(blocked),
            "unchanged": known - len(self.changed),
            "changed": len(self.changed),
            "gone": len(self.gone),
            "cannot be taken": len(blocked),
        }

    def is_chosen(self, id: str) -> bool:
        """Return whether an operation is chosen."""
        return id in self._chosen

    def why_not(self, id: str) -> str:
        """Return why an operation cannot be chosen, as a sentence; empty if it can."""
        if id in self.existing and id not in self.changed:
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
        """Choose all of these that can be chosen, or none of them if all are chosen already; not those to delete."""
        selectable = [id for id in ids if id not in self.gone and not self.why_not(id)]
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
        for id in self.existing - self.changed:
            self._chosen.pop(id, None)

    def set_compared(self, changed: Iterable[str], gone: Sequence[OperationSummary]) -> None:
        """Set the operations that differ from the app, and those of the app that the document lacks."""
        self.changed = frozenset(changed)
        self._set_operations(gone)
        for id in [id for id in self._chosen if self.why_not(id)]:
            del self._chosen[id]

    def tagged_as(self, id: str) -> tuple[str, ...]:
        """Return the ids of all operations that share a tag with this one, or of all without tags if it has none."""
        tags = set(self._by_id[id].tags) if id in self._by_id else set()
        return tuple(
            operation.id
            for operation in self.operations
            if (tags & set(operation.tags) if tags else not operation.tags)
        )

    @property
    def added(self) -> list[OperationSummary]:
        """The chosen operations that the app does not have."""
        return [self._by_id[id] for id in self._chosen if id not in self.changed and id not in self.gone]

    @property
    def updates(self) -> bool:
        """Whether operations are chosen that the app has, to update or delete them."""
        return any(id in self.changed or id in self.gone for id in self._chosen)

    @property
    def tokens(self) -> int:
        """The estimated tokens that the added operations add to a model's context."""
        return sum(operation.tokens for operation in self.added)

    @property
    def bytes(self) -> int:
        """The size of the added operations in the list of tools."""
        return sum(operation.bytes for operation in self.added)

    @property
    def unsafe(self) -> int:
        """The number of added operations with an unsafe HTTP method."""
        return sum(not operation.safe for operation in self.added)

    def warnings(self) -> list[DocumentProblem]:
        """Return warnings about the number and the size of the chosen operations."""
        return warnings(len(self.added), self.tokens, self.bytes)

    def __len__(self) -> int:
        return len(self._chosen)
