"""The connection to a drio: the session with its client, the state of the connection, the request log.

Nothing here touches a widget: every change is posted to the app as a message, and the app turns it into reactives
that screens and widgets watch. The libraries behind it (HTTP, models, keyring) are imported in a thread after the
first frame.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drio_tui import fault_lab
from drio_tui.asyncio_wait import import_in_thread
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.base.messages import (
    BackendReady,
    ConnectionChanged,
    ExchangeLogged,
    Notice,
    SessionChanged,
    SignInWanted,
    StartupChanged,
    StartupFailed,
    Status,
    Step,
)
from drio_tui.ui.base.request_log import RequestLog
from drio_tui.workspace.model.own_writes import OwnWrites

if TYPE_CHECKING:
    from textual.message import Message

    from drio_tui.api.client import DrioClient
    from drio_tui.api.exchange import Exchange, Limits
    from drio_tui.api.versions import ApiVersions
    from drio_tui.auth.errors import SignedOut
    from drio_tui.auth.flow import SignInResult
    from drio_tui.auth.token_manager import TokenCallbacks
    from drio_tui.session import SandboxLink, Session
    from drio_tui.workspace.last_apps import LastApps

# Imported one by one, so that nothing is imported any more after quitting.
LAZY_MODULES = ("drio_tui.api.http", "drio_tui.api.client", "drio_tui.session", "httpcore")
_ANYIO_BACKEND = "anyio._backends._asyncio"
"""What httpcore imports for the first connection."""
_PROBE_SECONDS = (2.0, 4.0, 8.0, 16.0, 30.0)  # the last one is repeated


class _Closing(Exception):
    """The program ends while its libraries are still being imported."""


class Connection:
    """One connection at a time, with its client, session, status and request log.

    `post` delivers messages to the app. `client` is None until the first session (or the anonymous
    client of a signed-out profile) exists; `ready()` waits for it. `base_url` is the API's. `last_apps` is the list
    to show before the first session.
    """

    def __init__(self, options: LaunchOptions, post: Callable[[Message], object]) -> None:
        self.options = options
        self.log = RequestLog()
        self.own_writes = OwnWrites()
        self.client: DrioClient | None = None
        self.session: Session | None = None
        self.base_url: str | None = None
        self.last_apps: LastApps | None = None
        self._server = ""
        self.status = Status(read_only=options.read_only, sandbox=options.sandbox, cassette=options.cassette)
        self.steps: tuple[Step, ...] = ()
        self._post = post
        self._ready = asyncio.Event()
        self._closing = False
        self._probe: asyncio.Task[None] | None = None
        self._version_probe: asyncio.Task[ApiVersions] | None = None
        self._sandbox_watch: asyncio.Task[None] | None = None
        self._sign_in_request: asyncio.Future[SignInResult | None] | None = None
        self._retry_waits: dict[int, float] = {}
        self._response_seen = asyncio.Event()

    @property
    def server(self) -> str:
        """The server id that local files are stored under; while not connected, that of the last connection."""
        if self.client is not None:
            self._server = self.client.transport.server_id
        return self._server

    @property
    def command_options(self) -> list[str]:
        """The options with which a command of `drio-tui` uses this connection."""
        if self.status.sandbox:
            return ["--sandbox", *(["--data", str(self.options.data_dir)] if self.options.data_dir else [])]
        if self.options.base_url:
            return ["--base-url", self.options.base_url]
        return ["--profile", self.session.profile] if self.session is not None else []

    @property
    def owner(self) -> str:
        """Whose list of apps is shown and kept (see `workspace.last_apps`); empty if it is not to be kept."""
        from drio_tui.workspace.last_apps import profile_owner, sandbox_owner

        session = self.session
        if session is None or self.options.cassette:
            return ""
        if session.sandbox is not None:
            return sandbox_owner(session.sandbox.running.data_dir)
        return profile_owner(session.profile, session.base_url, session.account) if session.account else ""

    async def load_last_apps(self) -> None:
        """Read the list of apps that was shown last into `last_apps`, to show it until drio responds."""
        options = self.options
        if options.cassette or options.new is not None:
            return
        await import_in_thread("drio_tui.workspace.last_apps")

        def load() -> LastApps | None:
            from drio_tui.api.errors import DrioError
            from drio_tui.workspace import last_apps

            try:
                owner = last_apps.expected_owner(
                    profile=options.profile,
                    base_url=options.base_url,
                    sandbox=options.sandbox,
                    data_dir=options.data_dir,
                )
            except DrioError:  # connecting will raise it again
                return None
            return last_apps.load(owner) if owner else None

        self.last_apps = await asyncio.to_thread(load)

    async def ready(self) -> DrioClient:
        """Return the client, as soon as there is one."""
        while self.client is None:
            await self._ready.wait()
        return self.client

    async def start(self) -> None:
        """Import the libraries, then connect as the options say. Posts `BackendReady` or `StartupFailed`."""
        self._ready.clear()
        self._set_status(phase="starting", cause="")
        self.steps = ()
        try:
            await self._import_libraries()
        except _Closing:
            return
        if self.options.sandbox:
            await self.use_sandbox()
        else:
            await self.use_profile(self.options.profile, base_url=self.options.base_url)

    async def use_sandbox(self) -> None:
        """Connect to the local sandbox as its local user; start the sandbox if it does not run."""
        if self.options.cassette == "replay":  # the cassette says where to
            await self.use_profile()
            return
        self._set_status(phase="starting", sandbox=True, profile="sandbox", host="local sandbox", account="", cause="")

        async def connect() -> Session:
            from drio_tui.launcher import ensure_sandbox
            from drio_tui.session import open_session

            running = await ensure_sandbox(self.options.data_dir, on_line=self._start_step)
            self._start_step("Opening it")
            return await open_session(
                sandbox=True, running=running, on_exchange=self._record_exchange, notice=self._post_notice
            )

        await self._connect(connect)

    async def use_profile(self, profile: str | None = None, *, base_url: str | None = None) -> None:
        """Connect with a profile's stored sign-in; without one, with an anonymous client for its host."""
        self._set_status(phase="connecting", sandbox=False, profile=profile or "", account="", cause="")

        async def connect() -> Session:
            from drio_tui.session import open_session

            self._start_step("Looking for your sign-in")
            return await open_session(
                profile=profile,
                base_url=base_url,
                on_exchange=self._record_exchange,
                notice=self._post_notice,
                callbacks=self._token_callbacks(),
                or_anonymous=True,
            )

        await self._connect(connect, chosen=bool(profile or base_url))

    async def close(self) -> None:
        """Close the session. The sandbox goes on running."""
        self._closing = True
        await self._close_session()

    async def _connect(self, connect: Callable[[], Coroutine[Any, Any, Session]], *, chosen: bool = True) -> None:
        """Replace the session; `chosen` says that the user named what to connect to."""
        from drio_tui.api.errors import DrioError

        await self._close_session()
        try:
            session = await connect()
        except DrioError as error:
            self._finish_step(failed=error.message or error.title)
            self._set_status(phase="failed", cause=error.title)
            self._post(StartupFailed(error))
            return
        self._finish_step()
        self.client, self.base_url, self.last_apps = session.client, session.base_url, None
        session.client.versions.on_change = self._show_versions
        self.session = session if session.auth else None
        host = "local sandbox" if self.status.sandbox else session.host
        if self.session:
            self._set_status(phase="online", profile=session.profile, host=host, account=session.account or "")
        else:
            # Signed out: templates can still be browsed, with no token.
            self._set_status(phase="signed-out", profile=session.profile, host=host)
        if session.sandbox is not None:
            self._sandbox_watch = asyncio.create_task(self._watch_sandbox(session, session.sandbox))
        self._ready.set()
        self._post(SessionChanged(self.session))
        self._post(BackendReady(first_run=session.first_run and not chosen))

    async def fetch_account(self) -> None:
        """Fetch the name of the account, if the token came without one; a failure is ignored."""
        from drio_tui.api.errors import DrioError

        session = self.session
        if session is None or session.account:
            return
        try:
            user = (await session.client.me()).raw
        except DrioError:
            return
        name = next((user[key] for key in ("email", "name", "id") if isinstance(user.get(key), str)), "")
        if self.session is session:
            self._set_status(account=name)

    def _show_versions(self, versions: ApiVersions) -> None:
        """Show which versions of the API are served.

        Once v1 has responded, or is missing, the others are looked for: in the background, after the first list.
        """
        client = self.client
        if client is None or client.versions.versions is not versions:
            return
        is_sandbox = client.transport.is_sandbox and not versions.is_v1_gone  # which serves v1 and nothing else
        self._set_status(api="" if is_sandbox else versions.summary(), is_v1_gone=versions.is_v1_gone)
        if self._version_probe is None:
            self._version_probe = asyncio.create_task(client.versions.describe())

    async def _close_session(self) -> None:
        self._ready.clear()
        self._set_status(faults=(), api="", is_v1_gone=False)
        for task in (self._probe, self._sandbox_watch, self._version_probe):
            if task is not None:
                task.cancel()
        self._version_probe = None
        if self._sign_in_request is not None and not self._sign_in_request.done():
            self._sign_in_request.set_result(None)  # or the requests that wait for the new sign-in would wait for ever
        client, session, self._server = self.client, self.session, self.server
        self.client = self.session = None
        if session is not None:
            await session.aclose()
        elif client is not None:
            await client.aclose()

    async def _import_libraries(self) -> None:
        self._start_step("Loading")
        for name in LAZY_MODULES:
            await import_in_thread(name)
            if self._closing:
                raise _Closing
        with contextlib.suppress(ImportError):  # it is internal to anyio, which may rename it
            await import_in_thread(_ANYIO_BACKEND)
        self._finish_step()

    def _token_callbacks(self) -> TokenCallbacks:
        from drio_tui.auth.token_manager import TokenCallbacks

        return TokenCallbacks(
            signed_out=self.sign_in_again,
            step_up=lambda scopes: self.sign_in_again(scopes=scopes),
            offline=lambda error: self._set_status(phase="offline", cause=error.message or error.title),
            online=lambda: self._set_status(phase="online", cause=""),
            notice=self._post_notice,
        )

    async def sign_in_again(self, _error: SignedOut | None = None, *, scopes: tuple[str, ...] = ()) -> bool:
        """Ask for a new sign-in, since it has ended or lacks `scopes`; return whether there is one now.

        Requests wait for it. Raises `OtherAccount` if another account signed in: they are not sent in its name.
        """
        from drio_tui.auth.errors import OtherAccount

        session = self.session
        self._sign_in_request = request = asyncio.get_running_loop().create_future()
        self._post(SignInWanted(request, scopes))
        signed_in = await request
        if signed_in is None or session is None or session is not self.session:
            return False
        if signed_in.profile.name != session.profile:
            old_account, new_account = (
                session.account or session.profile,
                signed_in.account.label or signed_in.profile.name,
            )
            raise OtherAccount(f"{new_account} is signed in now; what {old_account} had begun was not sent")
        await self._reload_tokens(session)
        return True

    async def renew(self) -> None:
        """Use the sign-in that is stored now for the same session."""
        session = self.session
        if session is not None:
            await self._reload_tokens(session)
            self._post(SessionChanged(session))

    async def _reload_tokens(self, session: Session) -> None:
        from drio_tui.auth.token_manager import TokenManager

        if session.auth is not None and isinstance(session.auth.source, TokenManager):
            await session.auth.source.reload()

    @property
    def can_sign_in_again(self) -> bool:
        """Whether a new sign-in would be used: a token from the environment is not replaced."""
        from drio_tui.auth.token_manager import TokenManager

        auth = self.session.auth if self.session is not None else None
        return auth is not None and isinstance(auth.source, TokenManager)

    async def _watch_sandbox(self, session: Session, link: SandboxLink) -> None:
        """Start the sandbox again when it ends; one that the user stopped is started with the next request."""
        from drio_tui.api.errors import DrioError

        running = asyncio.Event()

        def lost() -> None:
            running.clear()
            self._set_status(phase="restarting", cause="")

        def restored() -> None:
            running.set()
            self.base_url = session.base_url
            self._set_status(phase="online", cause="")

        def failed(error: DrioError) -> None:
            self._set_status(phase="offline", cause=error.message or error.title)

        link.on_lost, link.on_back, link.on_failed = lost, restored, failed
        while True:
            await link.wait_until_gone()
            running.clear()
            self._response_seen.clear()
            try:
                if await asyncio.to_thread(link.was_stopped):
                    self._set_status(phase="stopped", cause="")
                    self._post_notice("The local sandbox was stopped. What you do next starts it again.")
                    await self._wait_until_running(running, link)
                if not running.is_set():  # it ended by itself, or another process started it again
                    await link.revive()
            except DrioError as error:
                self._post_notice(f"The local sandbox ended and does not start: {error.message or error.title}")
                await self._wait_until_running(running, link)
            self._post_notice("The local sandbox had ended and was started again. Unsaved edits are kept.")
            await asyncio.sleep(_PROBE_SECONDS[0])  # a sandbox that keeps ending is not started without a pause

    async def _wait_until_running(self, running: asyncio.Event, link: SandboxLink) -> None:
        """Wait until this process has started the sandbox again, or another process has."""
        waits = [
            asyncio.ensure_future(wait)
            for wait in (running.wait(), self._response_seen.wait(), link.wait_until_started())
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # -- posting state ----------------------------------------------------------------------------

    def set_read_only(self, on: bool) -> None:
        """Show in the status whether actions that change something are hidden."""
        self._set_status(read_only=on)

    def _set_status(self, **changes: Any) -> None:
        status = replace(self.status, **changes)
        if status != self.status:
            self.status = status
            self._post(ConnectionChanged(status))

    def _start_step(self, text: str) -> None:
        previous = () if any(step.failed for step in self.steps) else _finished_steps(self.steps)
        self.steps = (*previous, Step(text))
        self._post(StartupChanged(self.steps))

    def _finish_step(self, failed: str = "") -> None:
        self.steps = _finished_steps(self.steps, failed)
        self._post(StartupChanged(self.steps))

    def _post_notice(self, text: str) -> None:
        self._post(Notice(text))

    def log_exchange(self, exchange: Exchange) -> None:
        """Add an exchange to the request log. One with a deployed endpoint does not change the connection's state."""
        self.log.add(exchange)
        self._post(ExchangeLogged(exchange))

    def _record_exchange(self, exchange: Exchange) -> None:
        self.log_exchange(exchange)
        self.own_writes.note(exchange.number, exchange.method, exchange.path, is_finished=exchange.is_finished)
        if exchange.waiting:
            self._retry_waits[exchange.number] = exchange.retry_in or 0.0
        else:
            self._retry_waits.pop(exchange.number, None)
            if exchange.status is not None:
                self._response_seen.set()
            if exchange.is_finished:
                self._note_faults(exchange)
            # The fault lab responds while nothing else does.
            is_lab = exchange.path.startswith(fault_lab.PATH)
            says_nothing = is_lab or exchange.is_probe or exchange.nothing_sent
            if exchange.is_finished and not says_nothing and self.status.phase in ("online", "offline", "signed-out"):
                self._update_phase(exchange)
        self._set_status(waiting=max(self._retry_waits.values(), default=0.0))

    def _update_phase(self, exchange: Exchange) -> None:
        """Set the phase: any response means online, a request without a response means offline, with its cause.

        A page instead of JSON comes from what is between here and drio, such as the sign-in page of a Wi-Fi.
        """
        is_page = exchange.error and "text/html" in dict(exchange.response_headers).get("content-type", "")
        if exchange.status is not None and not is_page:
            self._set_status(phase="online" if self.session else "signed-out", cause="")
        elif exchange.error and exchange.error != "cancelled":
            self._set_status(phase="offline", cause=exchange.error)
            if self._probe is None or self._probe.done():
                self._probe = asyncio.create_task(self._probe_connection())

    def _note_faults(self, exchange: Exchange) -> None:
        """Update what is on in the fault lab from a response: a sandbox names it in each of them."""
        client = self.client
        if exchange.status is not None and client is not None and client.transport.is_sandbox:
            self._set_status(faults=fault_lab.announced(exchange.response_headers))

    def faults_changed(self) -> None:
        """Look at once whether drio responds, if it did not: faults may have been the cause."""
        if self.status.phase == "offline":
            if self._probe is not None:
                self._probe.cancel()
            self._probe = asyncio.create_task(self._probe_connection(first=0.0))

    async def _fetch_faults(self, limits: Limits) -> None:
        """Read what is on in the fault lab of a sandbox that does not respond: no response of the API says it."""
        client = self.client
        if client is not None and client.transport.is_sandbox:
            await fault_lab.announce(client.transport.base_url, self._record_exchange, limits)

    async def _probe_connection(self, first: float = _PROBE_SECONDS[0]) -> None:
        """While offline, request something public from time to time; the first response means online again.

        `first` is the number of seconds before the first request.
        """
        from drio_tui.api.errors import DrioError
        from drio_tui.api.exchange import Limits
        from drio_tui.api.transport import Transport

        limits = Limits(connect=5.0, read=5.0, total=8.0, retries=0)
        await self._fetch_faults(limits)
        pauses = iter((first, *_PROBE_SECONDS[1:]))
        pause = next(pauses)
        while self.status.phase == "offline" and self.base_url and not self._closing:
            await asyncio.sleep(pause)
            pause = next(pauses, pause)
            transport = Transport(self.base_url, on_exchange=self._record_exchange, limits=limits)
            try:
                await transport.request("GET", "/templates", anonymous=True)
            except DrioError:
                await self._fetch_faults(limits)
                continue  # still offline, or an error response, which also means online
            finally:
                await transport.aclose()


def _finished_steps(steps: tuple[Step, ...], failed: str = "") -> tuple[Step, ...]:
    if not steps or steps[-1].done:
        return steps
    return (*steps[:-1], replace(steps[-1], done=True, failed=failed))
