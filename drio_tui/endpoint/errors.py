"""Errors of a deployed endpoint, in addition to those of any connection."""

from __future__ import annotations

from drio_tui.api.errors import (
    ConnectionFailed,
    ConnectionLost,
    DrioError,
    NotDrio,
    RedirectRefused,
    RequestTimeout,
    ResponseTooLarge,
)


class NoMcpClient(DrioError):
    """The MCP SDK is not installed."""

    title = "The MCP client is not installed"
    hint = 'Install it with the extra `mcp`: pip install "drio-tui[mcp]"'


class NotAnEndpoint(DrioError):
    """Something answered, but not as an MCP endpoint."""

    title = "This is not an MCP endpoint"
    hint = "Check the address; a proxy or a captive portal may be answering instead."


class EndpointWantsSignIn(DrioError):
    """401 or 403: the endpoint requires a sign-in. `challenge` is its `WWW-Authenticate` header."""

    title = "The endpoint wants a sign-in"
    hint = "It is reached by AI clients that sign in when they connect; this program does not sign in there."

    def __init__(self, message: str = "", *, challenge: str = "") -> None:
        super().__init__(message)
        self.challenge = challenge


class EndpointFailed(DrioError):
    """The endpoint answered with an error status."""

    title = "The endpoint failed"
    hint = "Try again; if it stays like this, deploy the app again."


class EndpointRefused(DrioError):
    """The endpoint answered with a JSON-RPC error. `rpc_code` is the error code."""

    title = "The endpoint refused"

    def __init__(self, message: str = "", *, rpc_code: int = 0) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code


# Title and hint for the endpoint, of errors whose texts otherwise refer to drio.
_TEXTS: dict[type[DrioError], tuple[str, str]] = {
    ConnectionFailed: ("Cannot reach the endpoint", "Check the network, and that the endpoint's server runs."),
    RequestTimeout: ("The endpoint did not answer in time", "Try again."),
    ConnectionLost: ("The connection to the endpoint broke", "Try again."),
    ResponseTooLarge: ("The endpoint's response is too large", "Let the operation answer with less."),
    RedirectRefused: ("The endpoint's redirect was refused", "Use the address that it leads to, if that is right."),
    NotDrio: (NotAnEndpoint.title, NotAnEndpoint.hint),
}


def with_endpoint_text(error: DrioError) -> DrioError:
    """Return the same error with a title and a hint about the endpoint."""
    texts = _TEXTS.get(type(error))
    if texts is not None:
        error.title, error.hint = texts[0], error.hint if "prox" in error.hint.lower() else texts[1]
    return error
