"""The scripts that run the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_test_script_runs_pytest_in_a_clean_environment(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "pyproject.toml").touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (tmp_path / ".venv" / ".installed-dev").touch()
    python.write_text('#!/bin/sh\necho "$@"\nls -d "$HOME"\nenv\nexit 3\n')
    python.chmod(0o755)
    result = subprocess.run(
        ["sh", str(tmp_path / "scripts" / "test"), "-k", "some thing"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1", "PIP_FIND_LINKS": "x",
             "EDITOR": "vi", "HYPOTHESIS_PROFILE": "a b"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 3, result.stderr
    arguments, home, *variables = result.stdout.splitlines()
    environment = dict(line.split("=", 1) for line in variables)
    assert arguments == "-m pytest -k some thing"
    assert environment.keys() - {"PWD", "_", "SHLVL", "OLDPWD"} == {
        "HOME",
        "PATH",
        "LANG",
        "TERM",
        "HYPOTHESIS_PROFILE",
    }
    assert environment["HYPOTHESIS_PROFILE"] == "a b"
    assert environment["HOME"] == home != str(tmp_path)
    assert not Path(home).exists()
