"""What the screens call: the session with its client, the state of the connection, the request log.

It is no widget and touches none. Whatever happens here is told to the app by a message; the app turns it
into reactives that screens and widgets watch. The libraries behind it (HTTP, models, keyring) are
imported in a thread once the first frame stands.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from textual.message import Message

    from drio_tui.api.client import DrioClient
    from drio_tui.api.transport import Exchange
    from drio_tui.auth.errors import SignedOut
    from drio_tui.auth.flow import SignInResult
    from drio_tui.auth.token_manager import TokenCallbacks
    from drio_tui.session import SandboxLink, Session

# One by one, so that quitting while they load waits for one of them at most.
HEAVY = ("drio_tui.api.http", "drio_tui.api.client", "drio_tui.session")
_PROBE_SECONDS = (2.0, 4.0, 8.0, 16.0, 30.0)  # the last one stays


class _Closing(Exception):
    """The program is ending while its libraries still load."""


class Backend:
    """One connection at a time, and everything known about it.

    `post` delivers messages to the app. `client` is None until the first session (or the anonymous
    client of a signed-out profile) is there; `ready()` waits for it. `base_url` is the API's.
    """

    def __init__(self, options: LaunchOptions, post: Callable[[Message], object]) -> None:
        self.options = options
        self.log = RequestLog()
        self.client: DrioClient | None = None
        self.session: Session | None = None
        self.base_url: str | None = None
        self._server = ""
        self.status = Status(read_only=options.read_only, sandbox=options.sandbox)
        self.steps: tuple[Step, ...] = ()
        self._post = post
        self._ready = asyncio.Event()
        self._closing = False
        self._probe: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._asked: asyncio.Future[SignInResult | None] | None = None
        self._waits: dict[int, float] = {}
        self._answered = asyncio.Event()

    @property
    def server(self) -> str:
        """The name under which local files about the drio in use are kept; of the last one while there is none."""
        if self.client is not None:
            self._server = self.client.transport.server_id
        return self._server

    async def ready(self) -> DrioClient:
        """The client, as soon as there is one."""
        while self.client is None:
            await self._ready.wait()
        return self.client

    async def start(self) -> None:
        """Load the libraries, then connect as the options say. Posts `BackendReady` or `StartupFailed`."""
        self._ready.clear()
        self._set(phase="starting", cause="")
        self.steps = ()
        try:
            await self._load()
        except _Closing:
            return
        if self.options.sandbox:
            await self.use_sandbox()
        else:
            await self.use_profile(self.options.profile, base_url=self.options.base_url)

    async def use_sandbox(self) -> None:
        """Join the local sandbox, starting it when it does not run, and use it as the local user."""
        self._set(phase="starting", sandbox=True, profile="sandbox", host="local sandbox", account="", cause="")

        async def connect() -> Session:
            from drio_tui.launcher import ensure_sandbox
            from drio_tui.session import open_session

            running = await ensure_sandbox(self.options.data_dir, on_line=self._begin)
            self._begin("Opening it")
            return await open_session(sandbox=True, running=running, on_exchange=self._exchanged, notice=self._notice)

        await self._connect(connect)

    async def use_profile(self, profile: str | None = None, *, base_url: str | None = None) -> None:
        """Use a profile's stored sign-in; where there is none, an anonymous client for its host."""
        self._set(phase="connecting", sandbox=False, profile=profile or "", account="", cause="")

        async def connect() -> Session:
            from drio_tui.session import open_session

            self._begin("Looking for your sign-in")
            return await open_session(
                profile=profile,
                base_url=base_url,
                on_exchange=self._exchanged,
                notice=self._notice,
                hooks=self._hooks(),
                or_anonymous=True,
            )

        await self._connect(connect, asked=bool(profile or base_url))

    async def close(self) -> None:
        """End the session. The sandbox goes on running."""
        self._closing = True
        await self._drop_session()

    async def _connect(self, connect: Callable[[], Coroutine[Any, Any, Session]], *, asked: bool = True) -> None:
        """Take over a new session; `asked` says that someone named what to connect to."""
        from drio_tui.api.errors import DrioError

        await self._drop_session()
        try:
            session = await connect()
        except DrioError as error:
            self._end(failed=error.message or error.title)
            self._set(phase="failed", cause=error.title)
            self._post(StartupFailed(error))
            return
        self._end()
        self.client, self.base_url = session.client, session.base_url
        self.session = session if session.auth else None
        host = "local sandbox" if self.status.sandbox else session.host
        if self.session:
            self._set(phase="online", profile=session.profile, host=host, account=session.account or "")
        else:
            # Signed out: templates can still be browsed, with no token.
            self._set(phase="signed-out", profile=session.profile, host=host)
        if session.sandbox is not None:
            self._watch = asyncio.create_task(self._stay_with_sandbox(session, session.sandbox))
        self._ready.set()
        self._post(SessionChanged(self.session))
        self._post(BackendReady(first_run=session.first_run and not asked))
        if self.session and not session.account:
            await self._introduce(session)

    async def _introduce(self, session: Session) -> None:
        """Ask who a token belongs to that came without a name; not knowing is no error."""
        from drio_tui.api.errors import DrioError

        try:
            user = (await session.client.me()).raw
        except DrioError:
            return
        name = next((user[key] for key in ("email", "name", "id") if isinstance(user.get(key), str)), "")
        if self.session is session:
            self._set(account=name)

    async def _drop_session(self) -> None:
        self._ready.clear()
        for task in (self._probe, self._watch):
            if task is not None:
                task.cancel()
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)  # nobody answers any more, and what waits for it would never end
        client, session, self._server = self.client, self.session, self.server
        self.client = self.session = None
        if session is not None:
            await session.aclose()
        elif client is not None:
            await client.aclose()

    async def _load(self) -> None:
        self._begin("Loading")
        for name in HEAVY:
            await asyncio.to_thread(importlib.import_module, name)
            if self._closing:
                raise _Closing
        self._end()

    def _hooks(self) -> TokenCallbacks:
        from drio_tui.auth.token_manager import TokenCallbacks

        return TokenCallbacks(
            signed_out=self.sign_in_again,
            step_up=lambda scopes: self.sign_in_again(scopes=scopes),
            offline=lambda error: self._set(phase="offline", cause=error.message or error.title),
            online=lambda: self._set(phase="online", cause=""),
            notice=self._notice,
        )

    async def sign_in_again(self, _error: SignedOut | None = None, *, scopes: tuple[str, ...] = ()) -> bool:
        """The sign-in ended while something waits, or lacks `scopes`: ask for a new one; whether there is one now.

        Raises `OtherAccount` when it is someone else's: what waits does not go on in that one's name.
        """
        from drio_tui.auth.errors import OtherAccount

        session = self.session
        self._asked = answer = asyncio.get_running_loop().create_future()
        self._post(SignInWanted(answer, scopes))
        signed_in = await answer
        if signed_in is None or session is None or session is not self.session:
            return False
        if signed_in.profile.name != session.profile:
            before, now = session.account or session.profile, signed_in.account.label or signed_in.profile.name
            raise OtherAccount(f"{now} is signed in now; what {before} had begun was not sent")
        await self._use_kept(session)
        return True

    async def renew(self) -> None:
        """Go on with the same session and the sign-in that is kept for it now."""
        session = self.session
        if session is not None:
            await self._use_kept(session)
            self._post(SessionChanged(session))

    async def _use_kept(self, session: Session) -> None:
        from drio_tui.auth.token_manager import TokenManager

        if session.auth is not None and isinstance(session.auth.source, TokenManager):
            await session.auth.source.reload()

    @property
    def can_sign_in_again(self) -> bool:
        """Whether a new sign-in would be used: a token from outside stays what it is."""
        from drio_tui.auth.token_manager import TokenManager

        auth = self.session.auth if self.session is not None else None
        return auth is not None and isinstance(auth.source, TokenManager)

    async def _stay_with_sandbox(self, session: Session, link: SandboxLink) -> None:
        """Notice when the sandbox ends and start it again; one that a person stopped waits for the next request."""
        from drio_tui.api.errors import DrioError

        back = asyncio.Event()

        def lost() -> None:
            back.clear()
            self._set(phase="restarting", cause="")

        def found() -> None:
            back.set()
            self.base_url = session.base_url
            self._set(phase="online", cause="")

        def failed(error: DrioError) -> None:
            self._set(phase="offline", cause=error.message or error.title)

        link.on_lost, link.on_back, link.on_failed = lost, found, failed
        while True:
            await link.wait_until_gone()
            back.clear()
            self._answered.clear()
            try:
                if await asyncio.to_thread(link.was_stopped):
                    self._set(phase="stopped", cause="")
                    self._notice("The local sandbox was stopped. What you do next starts it again.")
                    await self._back_or_answered(back)
                if not back.is_set():  # it ended by itself, or somebody else started it again
                    await link.revive()
            except DrioError as error:
                self._notice(f"The local sandbox ended and does not start: {error.message or error.title}")
                await self._back_or_answered(back)
            self._notice("The local sandbox had ended and was started again. Unsaved edits are kept.")
            await asyncio.sleep(_PROBE_SECONDS[0])  # one that always ends at once is not started without a pause

    async def _back_or_answered(self, back: asyncio.Event) -> None:
        """Wait until this program has started the sandbox again, or an answer shows that another one has."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (back, self._answered)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    # -- telling ----------------------------------------------------------------------------------

    def _set(self, **changes: Any) -> None:
        status = replace(self.status, **changes)
        if status != self.status:
            self.status = status
            self._post(ConnectionChanged(status))

    def _begin(self, text: str) -> None:
        told = () if any(step.failed for step in self.steps) else _ended(self.steps)
        self.steps = (*told, Step(text))
        self._post(StartupChanged(self.steps))

    def _end(self, failed: str = "") -> None:
        self.steps = _ended(self.steps, failed)
        self._post(StartupChanged(self.steps))

    def _notice(self, text: str) -> None:
        self._post(Notice(text))

    def note_exchange(self, exchange: Exchange) -> None:
        """Show an exchange in the request log; one with a deployed endpoint says nothing about drio itself."""
        self.log.add(exchange)
        self._post(ExchangeLogged(exchange))

    def _exchanged(self, exchange: Exchange) -> None:
        self.note_exchange(exchange)
        if exchange.waiting:
            self._waits[exchange.number] = exchange.retry_in or 0.0
        else:
            self._waits.pop(exchange.number, None)
            if exchange.status is not None:
                self._answered.set()
            if exchange.done and self.status.phase in ("online", "offline", "signed-out"):
                self._judge(exchange)
        self._set(waiting=max(self._waits.values(), default=0.0))

    def _judge(self, exchange: Exchange) -> None:
        """An answer of any kind means online; an attempt without one means offline, with its cause."""
        if exchange.status is not None:
            self._set(phase="online" if self.session else "signed-out", cause="")
        elif exchange.error and exchange.error != "cancelled":
            self._set(phase="offline", cause=exchange.error)
            if self._probe is None or self._probe.done():
                self._probe = asyncio.create_task(self._look_for_drio())

    async def _look_for_drio(self) -> None:
        """While offline, ask for something public now and then; the first answer brings the program back online."""
        from drio_tui.api.errors import DrioError
        from drio_tui.api.transport import Limits, Transport

        pauses = iter(_PROBE_SECONDS)
        pause = next(pauses)
        while self.status.phase == "offline" and self.base_url and not self._closing:
            await asyncio.sleep(pause)
            pause = next(pauses, pause)
            limits = Limits(connect=5.0, read=5.0, total=8.0, retries=0)
            transport = Transport(self.base_url, on_exchange=self._exchanged, limits=limits)
            try:
                await transport.request("GET", "/templates", anonymous=True)
            except DrioError:
                continue  # still offline, or an answer that was an error and counts as one
            finally:
                await transport.aclose()


def _ended(steps: tuple[Step, ...], failed: str = "") -> tuple[Step, ...]:
    if not steps or steps[-1].done:
        return steps
    return (*steps[:-1], replace(steps[-1], done=True, failed=failed))
