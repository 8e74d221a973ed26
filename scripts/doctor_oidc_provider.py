"""Runs the sign-in doctor against oidc-provider, an independent authorization server, with each of its faults.

    python scripts/doctor_oidc_provider.py [--version 8.8.1]

Needs node and npm, which installs oidc-provider into a temporary folder. First without a fault: every step has to pass,
and nothing may be left at the server. Then no registration, wrong issuer, no PKCE, a client that the server forgot,
503 at the token endpoint, a clock off by an hour, a locked keyring: the report has to name the step and what to do.
Exits with 1 if one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import keyring  # noqa: E402

from drio_tui.auth.doctor.doctor import Doctor  # noqa: E402
from drio_tui.auth.doctor.report import Check, Report  # noqa: E402
from drio_tui.auth.events import Event, UrlReady  # noqa: E402
from drio_tui.auth.flow import SignInFlow  # noqa: E402
from drio_tui.auth.profiles import Profile, Profiles  # noqa: E402
from drio_tui.auth.token_store import TokenStore  # noqa: E402
from tests.auth.disk_keyring import Keyring  # noqa: E402

FAULTS = {
    "no-registration": ("registration", "--client-id"),
    "wrong-issuer": ("issuer", "do not go on"),
    "no-pkce": ("server-metadata", "S256"),
    "stale-client": ("stored-client", "--register-again"),
    "unavailable-token": ("token", "try again later"),
    "clock": ("clock", "clock"),
    "locked-keyring": ("keyring", "Unlock the keyring"),
}
"""By fault: the step that has to fail, and what its advice has to contain."""


class Form(HTMLParser):
    """The action and the fields of the first form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = values.get("action") or ""
        elif tag == "input" and values.get("name"):
            self.fields[values["name"] or ""] = values.get("value") or "ada"


async def agree(url: str) -> None:
    """Sign in and allow access, as a user does in a browser."""
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as browser:
        response = await browser.get(url)
        while (form := Form(response.text)).action is not None:
            response = await browser.post(urljoin(str(response.url), form.action), data=form.fields)


class Users:
    """What opens the URLs of a sign-in; `pages` are waited for at the end."""

    def __init__(self) -> None:
        self.pages: list[asyncio.Task[None]] = []

    def see(self, event: Event) -> None:
        if isinstance(event, UrlReady):
            self.pages.append(asyncio.create_task(agree(event.url)))


async def examine(profile: Profile) -> Report:
    user = Users()
    async with Doctor(profile, on_event=user.see, open_browser=False, timeout=30) as doctor:
        report = await doctor.run(sign_in=True)
    await asyncio.gather(*user.pages)
    return report


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[str]:
    """Run oidc-provider and the API; provide the origin of the API."""
    process = await asyncio.create_subprocess_exec(
        "node", "oidc_provider.mjs", cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        line = b""
        while not line.startswith(b'{"api"'):
            line = await process.stdout.readline()
            if not line:
                raise SystemExit("oidc-provider did not start")
        yield json.loads(line)["api"]
    finally:
        process.kill()
        await process.wait()


async def run(folder: Path) -> int:
    keyring.set_keyring(Keyring())
    lock = folder / "keyring.json.locked"
    os.environ["DRIO_TEST_KEYRING"] = str(folder / "keyring.json")
    failures = 0
    async with servers(folder) as api, httpx.AsyncClient(base_url=api, trust_env=False) as control:
        profiles, user = Profiles.load(), Users()
        profile = profiles.resolve(base_url=api)
        report = await examine(profile)
        left = [key for key in (await control.get("/stored")).json() if key.startswith(("Client:", "RefreshToken:"))]
        failures += print_result("no fault", report.failed, ok=report.is_ok and not left)
        if left:
            print(f"  left at the server: {left}")
        for fault, (step, advice) in FAULTS.items():
            if fault == "stale-client":
                flow = SignInFlow(
                    profile, store=TokenStore(), profiles=profiles, on_event=user.see, open_browser=False, timeout=30
                )
                profile = (await flow.run()).profile
                await control.post("/fault", content="forget-clients")
            elif fault == "locked-keyring":
                lock.touch()
            else:
                await control.post("/fault", content=fault)
            failed = (await examine(profile)).failed
            ok = [check.step.id for check in failed] == [step] and advice in failed[0].advice
            failures += print_result(fault, failed, ok=ok)
            await control.post("/fault", content="")
            lock.unlink(missing_ok=True)
            if fault == "stale-client":
                profile = profiles.resolve(base_url=api)
                shutil.rmtree(os.environ["DRIO_STATE_DIR"])
    return failures


def print_result(fault: str, failed: list[Check], *, ok: bool) -> int:
    """Print what was found; return 1 if it is not what was expected."""
    print(f"{'ok' if ok else 'NOT OK':6}  {fault}")
    for check in failed:
        print(f"        {check.step.title}: {check.summary}\n        do: {check.advice}")
    return 0 if ok else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default="8.8.1", help="the version of oidc-provider")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"DRIO_{kind}_DIR"] = str(folder / kind.lower())
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"oidc-provider@{options.version}"]
        subprocess.run(install, cwd=folder, check=True)
        shutil.copy(ROOT / "scripts" / "oidc_provider.mjs", folder)
        return 1 if asyncio.run(run(folder)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
