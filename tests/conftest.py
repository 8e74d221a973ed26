"""What holds for every test: nothing of the machine's own is read or written, and time is not measured."""

from __future__ import annotations

import gc
import os
import signal
import ssl
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import HealthCheck, settings

_HERE = Path(__file__).parent
# The sandbox's fixtures are a plugin, so that a checkout without the sandbox extra still collects.
_SANDBOX = (_HERE / "sandbox_fixtures.py").exists() and find_spec("fastapi") is not None
pytest_plugins = ["tests.sandbox_fixtures"] if _SANDBOX else []

# How fast examples are made, and how many are thrown away on the way, depends on the machine and on chance.
UNCHECKED = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile("ci", deadline=None, max_examples=25, suppress_health_check=UNCHECKED)
settings.register_profile("thorough", deadline=None, max_examples=1000, suppress_health_check=UNCHECKED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Each of these changes what the program does, so a test that wants one sets it.
_UNWANTED = frozenset({
    "ALL_PROXY", "BROWSER", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY", "EDITOR", "FORCE_COLOR", "HTTPS_PROXY", "HTTP_PROXY", "LINES", "NETRC", "NO_COLOR", "NO_PROXY",
    "PAGER", "PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONWARNINGS", "REQUESTS_CA_BUNDLE",
    "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "VISUAL", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME",
})  # fmt: skip


def _unwanted(name: str) -> bool:
    upper = name.upper()  # proxies are read in either case
    if upper.startswith("DRIO_TEST_"):
        return False
    return upper in _UNWANTED or upper.startswith(("DRIO_", "TEXTUAL"))


def _own(root: Path) -> dict[str, str]:
    """The environment of someone whose home is `root` and who has no keyring."""
    return {
        "HOME": str(root),
        "USERPROFILE": str(root),
        "XDG_CONFIG_HOME": str(root / ".config"),
        "XDG_DATA_HOME": str(root / ".local" / "share"),
        "XDG_STATE_HOME": str(root / ".local" / "state"),
        "XDG_CACHE_HOME": str(root / ".cache"),
        "XDG_RUNTIME_DIR": str(root / "run"),
        "DRIO_CONFIG_DIR": str(root / "config"),
        "DRIO_DATA_DIR": str(root / "data"),
        "DRIO_STATE_DIR": str(root / "state"),
        "DRIO_CACHE_DIR": str(root / "cache"),
        "DRIO_SANDBOX_IDLE_EXIT": "3",  # minutes; for one that a test that was killed left behind
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


def _without_public_authorities() -> None:
    """Trust no public certificate authority: no test reaches a public host, and every HTTP client reads all of them.

    What a test or the program names (`SSL_CERT_FILE`, a file of its own) is read as ever.
    """
    public = {certifi.where(), ssl.get_default_verify_paths().openssl_cafile}
    load = ssl.SSLContext.load_verify_locations

    def load_own(self: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        if cafile not in public:
            load(self, cafile, capath, cadata)

    ssl.SSLContext.load_verify_locations = load_own  # type: ignore[method-assign]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--golden` compares every screen with its golden file, `--update-golden` records the files anew."""
    parser.addoption("--golden", action="store_true", help="compare every screen with tests/golden (two minutes)")
    parser.addoption("--update-golden", action="store_true", help="record tests/golden again")


def pytest_configure(config: pytest.Config) -> None:
    """Isolate the process itself, for fixtures that live longer than one test and the processes they start."""
    folder = tempfile.TemporaryDirectory(prefix="drio-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    for name in [name for name in os.environ if _unwanted(name)]:
        del os.environ[name]
    os.environ.update(_own(Path(folder.name)))
    # A shell starts what it puts in the background with SIGINT ignored, nohup with SIGHUP; children inherit that.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    _without_public_authorities()
    gc.set_threshold(100_000, 20, 50)  # screens come and go by the thousand: looking took a sixth of the time


def pytest_collection_finish() -> None:
    """What was collected stays to the end: there is no garbage to be looked for in it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own for each test; gives its folder. `DRIO_*_DIR` lie in it and do not exist yet.

    A sandbox that the test left running in the background, where the program starts it, is stopped.
    """
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if _unwanted(name)]:
        monkeypatch.delenv(name)
    for name, value in _own(home).items():
        monkeypatch.setenv(name, value)
    yield home
    box = home / "data" / "sandbox"
    if box.exists():
        from drio_tui.launcher import stop_sandbox

        stop_sandbox(box)
