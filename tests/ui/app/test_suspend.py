"""F19: after a laptop slept, the program makes no extra requests."""

from __future__ import annotations

import signal
import time

import pytest

from tests.sandbox_fixtures import SandboxProcess
from tests.ui.shell_pty import Terminal

ASLEEP = 3.0


@pytest.mark.slow
def test_no_extra_requests_after_the_computer_slept(sandbox_process: SandboxProcess) -> None:
    env = {"DRIO_TOKEN": sandbox_process.token}
    with Terminal("--base-url", sandbox_process.base_url, size=(100, 30), env=env) as terminal:
        terminal.until("online")
        terminal.until("Acme Support")
        terminal.press("3")
        terminal.until("/api/v1/apps")
        terminal.until("/me")
        while terminal.read(1.0):  # the apps are still being counted
            continue
        before = terminal.text.count("GET")
        terminal.kill(signal.SIGSTOP)
        time.sleep(ASLEEP)  # sleeping is what is tested
        terminal.kill(signal.SIGCONT)
        terminal.press("j")
        while terminal.read(1.0):
            continue
        assert terminal.text.count("GET") == before
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.restored == []
