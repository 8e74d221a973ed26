"""What can go wrong with a deployed endpoint, besides what can go wrong with any connection."""

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
    """Something answered, but not in the way an MCP endpoint does."""

    title = "This is not an MCP endpoint"
    hint = "Check the address; a proxy or a captive portal may be answering instead."


class EndpointWantsSignIn(DrioError):
    """401 or 403: the endpoint lets only those in who sign in at it. `challenge` is its `WWW-Authenticate`."""

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
    """The endpoint understood the request and said no. `rpc_code` is the JSON-RPC error code."""

    title = "The endpoint refused"

    def __init__(self, message: str = "", *, rpc_code: int = 0) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code


# What is said of drio elsewhere is said of the endpoint here.
_WORDS: dict[type[DrioError], tuple[str, str]] = {
    ConnectionFailed: ("Cannot reach the endpoint", "Check the network, and that the endpoint's server runs."),
    RequestTimeout: ("The endpoint did not answer in time", "Try again."),
    ConnectionLost: ("The connection to the endpoint broke", "Try again."),
    ResponseTooLarge: ("The endpoint's answer is too large", "Let the operation answer with less."),
    RedirectRefused: ("The endpoint's redirect was refused", "Use the address that it leads to, if that is right."),
    NotDrio: (NotAnEndpoint.title, NotAnEndpoint.hint),
}


def of_endpoint(error: DrioError) -> DrioError:
    """The same error with a title and a hint about the endpoint."""
    words = _WORDS.get(type(error))
    if words is not None:
        error.title, error.hint = words[0], error.hint if "prox" in error.hint.lower() else words[1]
    return error
