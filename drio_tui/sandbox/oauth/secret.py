"""Creating secrets, and the digests of them, which are all that is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def new_secret(prefix: str) -> str:
    """Return a new credential with 256 random bits, `drio_PREFIX_…`; the prefix lets scanners find leaks."""
    return f"drio_{prefix}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """Return the SHA-256 in hex, which is enough for random secrets: it is useless to a reader of the database."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def constant_time_equals(left: str, right: str) -> bool:
    """Whether two texts are equal, compared in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def form_token(browser_digest: str, purpose: str) -> str:
    """Return the CSRF token of one form, an HMAC with the digest of the browser's cookie."""
    return hmac.new(browser_digest.encode(), purpose.encode(), hashlib.sha256).hexdigest()
