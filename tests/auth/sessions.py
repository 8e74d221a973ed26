"""A user who is signed in, with an HTTP client like the program's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from drio_tui.auth.bearer import BearerAuth
from drio_tui.auth.flow import SignInResult
from drio_tui.auth.token_manager import TokenCallbacks, TokenManager
from drio_tui.auth.token_store import TokenStore
from tests.auth.world import TOKEN

if TYPE_CHECKING:
    from tests.auth.conftest import FakeClock, User
    from tests.auth.httpd import Request
    from tests.auth.world import SignInServers


@dataclass
class Session:
    """A signed-in user with an HTTP client like the program's."""

    world: SignInServers
    user: User
    signed_in: SignInResult
    manager: TokenManager
    client: httpx.AsyncClient
    clock: FakeClock

    def refresh_posts(self) -> list[Request]:
        return [r for r in self.world.idp.requests_to(TOKEN) if r.form["grant_type"] == "refresh_token"]

    def expire(self) -> None:
        """Make the server refuse all access tokens it has issued."""
        self.world.access.clear()

    async def stored(self) -> Any:
        return await TokenStore().load(self.signed_in.profile, fresh=True)


async def make_session(
    user: User, callbacks: TokenCallbacks | None = None, store: Any = None, **options: Any
) -> Session:
    signed_in = await user.sign_in()
    manager = TokenManager(signed_in.profile, store or user.store, clock=user.clock, callbacks=callbacks, **options)
    client = httpx.AsyncClient(
        base_url=user.world.base_url, auth=BearerAuth(manager, user.world.base_url), trust_env=False
    )
    user.world.api.requests.clear()
    return Session(user.world, user, signed_in, manager, client, user.clock)
