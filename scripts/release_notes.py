"""Set the version, and move what the changelog has under Unreleased into a section of that version.

python scripts/release_notes.py VERSION DATE
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def released(changelog: str, version: str, date: str) -> str:
    """Return the changelog with a dated section. Raises `ValueError` when there is nothing under Unreleased."""
    match = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    if match is None or not match[1].strip():
        raise ValueError("CHANGELOG.md has nothing under Unreleased")
    section = f"## Unreleased\n\n## {version} - {date}\n{match[1]}"
    return changelog[: match.start()] + section + changelog[match.end() :]


def main() -> int:
    version, date = sys.argv[1:]
    changelog, package = ROOT / "CHANGELOG.md", ROOT / "drio_tui" / "__init__.py"
    try:
        text = released(changelog.read_text(encoding="utf-8"), version, date)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    changelog.write_text(text, encoding="utf-8")
    source = package.read_text(encoding="utf-8")
    package.write_text(re.sub(r'(?m)^__version__ = ".*"$', f'__version__ = "{version}"', source), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
