"""Settings of every test: no file, variable or keyring of the machine is read or written, and time is not measured."""

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
# The sandbox's fixtures are a plugin, so that the tests can be collected without the sandbox extra.
_SANDBOX = (_HERE / "sandbox_fixtures.py").exists() and find_spec("fastapi") is not None
pytest_plugins = ["tests.sandbox_fixtures"] if _SANDBOX else []

# How fast examples are generated, and how many are discarded, depends on the machine and on chance.
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.filter_too_much]
# The suite tries the same examples in each run: a failure is about the change. `thorough` tries others each time.
settings.register_profile("ci", deadline=None, max_examples=25, suppress_health_check=SUPPRESSED, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=1000, suppress_health_check=SUPPRESSED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Each of these changes what the program does; a test that needs one sets it.
_REMOVED = frozenset({
    "ALL_PROXY", "BROWSER", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY", "EDITOR", "FORCE_COLOR", "HTTPS_PROXY", "HTTP_PROXY", "LINES", "NETRC", "NO_COLOR", "NO_PROXY",
    "PAGER", "PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONWARNINGS", "REQUESTS_CA_BUNDLE",
    "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "VISUAL", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME",
})  # fmt: skip


def _is_removed(name: str) -> bool:
    """Return whether an environment variable is removed for the tests."""
    upper = name.upper()  # proxies are read in either case
    if upper.startswith("DRIO_TEST_"):
        return False
    return upper in _REMOVED or upper.startswith(("DRIO_", "TEXTUAL"))


def private_environment(root: Path) -> dict[str, str]:
    """Return the environment of a user whose home is `root` and who has no keyring."""
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
        "DRIO_SANDBOX_IDLE_EXIT": "3",  # minutes; for a sandbox that a killed test has left running
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


def _skip_public_certificate_authorities() -> None:
    """Do not load the public certificate authorities: every HTTP client would read them, and no test needs them.

    Other files, such as that of `SSL_CERT_FILE`, are still loaded.
    """
    public = {certifi.where(), ssl.get_default_verify_paths().openssl_cafile}
    load = ssl.SSLContext.load_verify_locations

    def load_private(self: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        if cafile not in public:
            load(self, cafile, capath, cadata)

    ssl.SSLContext.load_verify_locations = load_private  # type: ignore[method-assign]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--golden`, which compares every screen with its golden file, and `--update-golden`, which writes them."""
    parser.addoption("--golden", action="store_true", help="compare every screen with tests/golden (two minutes)")
    parser.addoption("--update-golden", action="store_true", help="record tests/golden again")


def pytest_configure(config: pytest.Config) -> None:
    """Isolate the test process, for fixtures of a longer scope than one test and for the processes they start."""
    folder = tempfile.TemporaryDirectory(prefix="drio-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    for name in [name for name in os.environ if _is_removed(name)]:
        del os.environ[name]
    os.environ.update(private_environment(Path(folder.name)))
    # A shell ignores SIGINT in background processes, and nohup ignores SIGHUP; child processes would inherit that.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    _skip_public_certificate_authorities()
    gc.set_threshold(100_000, 20, 50)  # with the default threshold, garbage collection took a sixth of the time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests, in equal parts on each worker, so that none of them runs alone at the end.

    The workers of pytest-xdist get equal parts of the list, one after the other, before one takes from another.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    by_file: dict[Path, list[pytest.Item]] = {}
    for item in items:
        by_file.setdefault(item.path, []).append(item)
    long: list[list[pytest.Item]] = [[] for _ in range(workers)]
    short: list[pytest.Item] = []
    for path, tests in by_file.items():
        is_long = _HERE / "ui" in path.parents or any(test.get_closest_marker("slow") for test in tests)
        (min(long, key=len) if is_long else short).extend(tests)
    ordered: list[pytest.Item] = []
    for number, part in enumerate(long):
        size = (len(items) - len(ordered)) // (workers - number)
        ordered += [*part, *short[: max(0, size - len(part))]]
        del short[: max(0, size - len(part))]
    items[:] = [*ordered, *short]


def pytest_collection_finish() -> None:
    """Exclude the collected test items from garbage collection: they exist until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a private home, and yield its folder. The `DRIO_*_DIR` are in it and do not exist yet.

    A sandbox that the test has left running in the default data folder is stopped.
    """
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if _is_removed(name)]:
        monkeypatch.delenv(name)
    for name, value in private_environment(home).items():
        monkeypatch.setenv(name, value)
    yield home
    from drio_tui.api.secret_values import SECRET_VALUES

    SECRET_VALUES.clear()
    sandbox_folder = home / "data" / "sandbox"
    if sandbox_folder.exists():
        from drio_tui.launcher import stop_sandbox

        stop_sandbox(sandbox_folder)
