"""Which profile the sign-in screen signs in to, and the doctor examines."""

from __future__ import annotations

from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.ui.base.connection import Connection


def profile_to_sign_in(connection: Connection, base_url: str | None, profiles: Profiles) -> Profile:
    """Return the profile to sign in to: that of `base_url`, or of the connection in use.

    The sandbox's local user has no profile, so it is found by the address.
    """
    session, status = connection.session, connection.status
    if base_url:
        return profiles.resolve(None, base_url)
    if status.sandbox and session is not None:
        return profiles.resolve(None, session.base_url)
    return profiles.resolve(status.profile if profiles.get(status.profile) else None, connection.base_url)
