"""What can be wrong with a document as a whole, and what is said about parts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drio_tui.api.errors import DrioError

EXTRA = "drio-tui[openapi]"


class ImportFailed(DrioError):
    """The document cannot be read. The message says what is wrong and, where there is a place, where."""

    title = "The document cannot be imported"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the document that is not as it should be, and does not keep the rest from being used.

    `where` is a place in the document (`paths./pets.get`), empty for the whole; `operation` the id of the
    operation it concerns (`GET /pets`), empty where it is none or many. Not yet safe to show.
    """

    message: str
    where: str = ""
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def as_dict(self) -> dict[str, Any]:
        """The problem as `--json` prints it."""
        return {"message": self.message, "where": self.where, "operation": self.operation}


class BadDocument(Exception):
    """What the reader raises; becomes an `ImportFailed` on the other side of the pipe."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
