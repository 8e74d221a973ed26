"""Making secrets, and the only form of them that is ever stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def new_secret(prefix: str) -> str:
    """A fresh credential with 256 bits of randomness, `drio_PREFIX_…`; the prefix lets scanners find leaks."""
    return f"drio_{prefix}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """SHA-256 in hex: enough for secrets that are random themselves, and useless to who reads the database."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def form_token(browser_digest: str, purpose: str) -> str:
    """The CSRF token of one form: known only to who knows the browser's cookie, or its digest."""
    return hmac.new(browser_digest.encode(), purpose.encode(), hashlib.sha256).hexdigest()
