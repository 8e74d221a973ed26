"""Finds non-standard words in the code: `python scripts/vocabulary.py [PATH...]`, by default in drio_tui.

Names and texts are checked separately: "said" is allowed in a message, but not in the name of a function. docs/terms.md
has the word to use instead. Exits with 1 if something is found.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

NAMES = frozenset(
    {
        "anew",
        "asking",
        "barred",
        "blast",
        "chips",
        "deed",
        "deeds",
        "evidence",
        "judge",
        "judged",
        "keeper",
        "mended",
        "said",
        "say",
        "saying",
        "shelf",
        "stands",
        "story",
        "tell",
        "telling",
        "thing",
        "things",
        "tidy",
        "told",
        "trouble",
        "verdict",
        "wording",
    }
)
"""Parts of identifiers (`_things_of` has `things` and `of`) that have a better word."""

PROSE = re.compile(
    r"""\b(?:a\ thing|the\ things?|anew|blast|deeds?|judges?|judged|keeper|mended|of\ (?:its|their|his)\ own|persons?
    |people|shelf|so\ far|stands?\ in|story|such\ a\ thing|tidy|told|verdicts?|wording)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words in comments, docstrings and messages."""

ALLOWED = {
    "drio_tui/launcher.py": {"tell"},  # a method of files
    "tests/old_state/make.py": {"person"},  # a text in the files of version 0.1
    "tests/old_state/test_old_state.py": {"person"},
}
"""Exceptions by file."""


def findings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the word of each finding in a Python file."""
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), set())
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.NAME:
            parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+", token.string)}
            yield from ((token.start[0], token.string) for _ in (parts & NAMES) - allowed)
        elif token.type in (tokenize.COMMENT, tokenize.STRING):
            for match in PROSE.finditer(token.string):
                if match.group().lower() not in allowed:
                    yield token.start[0] + token.string.count("\n", 0, match.start()), match.group()


def main() -> int:
    paths = [Path(name).resolve() for name in sys.argv[1:]] or [ROOT / "drio_tui"]
    count = 0
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    for path in sorted(files):
        for line, word in findings(path):
            count += 1
            print(f"{path.relative_to(ROOT)}:{line}: {word}")
    print(f"{count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
