"""The errors of a whole document, and the problems of parts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drio_tui.api.errors import DrioError

EXTRA = "drio-tui[openapi]"
"""The package's extra with the YAML parser and the OpenAPI validator."""


class ImportFailed(DrioError):
    """The document cannot be read. The message contains the reason and, if known, the position."""

    title = "The document cannot be imported"


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """A defect of a document that does not prevent the use of the rest. Not yet sanitized.

    `where` is the location in the document (`paths./pets.get`), empty for the whole; `operation` is the id of the
    operation concerned (`GET /pets`), empty for none or several.
    """

    message: str
    where: str = ""
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as `--json` prints it."""
        return {"message": self.message, "where": self.where, "operation": self.operation}


class BadDocument(Exception):
    """The worker cannot read the document; its other end raises `ImportFailed` with the same message."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
