"""The test environment: tests run in a separate home directory."""

from __future__ import annotations

import os
from pathlib import Path

import keyring
import keyring.errors
import pytest

from drio_tui.storage import paths


def test_every_folder_of_the_program_is_in_the_tests_home(isolated: Path) -> None:
    for folder in (paths.config_dir(), paths.data_dir(), paths.state_dir(), paths.cache_dir(), Path.home()):
        assert folder.is_relative_to(isolated)


def test_no_token_and_no_proxy_of_the_machine_reaches_a_test() -> None:
    assert not {"DRIO_TOKEN", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "NO_COLOR"} & os.environ.keys()


def test_no_keyring_of_the_machine_reaches_a_test() -> None:
    with pytest.raises(keyring.errors.KeyringError):
        keyring.get_password("drio-tui", "someone")
