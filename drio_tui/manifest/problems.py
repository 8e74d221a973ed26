"""What is wrong with a document, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.api.yaml_reader import Location
from drio_tui.text import count_of
from drio_tui.workspace.lint.resource_checks import Severity

MOST_LISTED = 50
"""The most problems that the message of `BadDocument` lists; its `problems` are all."""


def location_text(location: Location) -> str:
    """Return a location as text: `tools.search-contacts.next[0]`; names with other characters are in quotes."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and not set(step) & set(" .[]'\"\n"):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """One problem of a document. `message` is a sentence, not sanitized.

    `file` is relative to the document's directory, `line` and `column` begin at 1; they are empty or 0 where they are
    not known. `code` names the rule, as in a preflight.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    path: Location = ()
    severity: Severity = "error"
    code: str = "document"
    advice: str = ""

    @property
    def where(self) -> str:
        """The position as compilers write it, `drio.yaml:12:5`, as far as it is known."""
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])

    @property
    def subject(self) -> str:
        """The location as text; not sanitized."""
        return location_text(self.path)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.subject, self.message) if part)

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as `--json` prints it."""
        return {
            "severity": self.severity, "code": self.code, "message": self.message, "advice": self.advice,
            "file": self.file, "line": self.line, "column": self.column, "path": self.subject,
        }  # fmt: skip


class BadDocument(DrioError):
    """The document cannot be used; `problems` are all its errors."""

    title = "The document cannot be used"
    hint = "Validate it: drio-tui validate"

    def __init__(self, problems: Iterable[DocumentProblem], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:MOST_LISTED]]
        if len(self.problems) > MOST_LISTED:
            lines.append(f"… and {len(self.problems) - MOST_LISTED} more")
        text = lines[0] if len(lines) == 1 else "\n  ".join([count_of(len(self.problems), "error"), *lines])
        super().__init__(text, hint=hint)

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "details": [problem.as_dict() for problem in self.problems]}
