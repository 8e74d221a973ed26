"""The regular expressions for strings of the API, and what each requires, as the end of an error message."""

from __future__ import annotations

from drio_tui import contrast

_SPACES = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""The white space of Unicode and of ECMAScript; their `\\s` differ (U+0085, U+FEFF)."""
NAME = rf"[^{_SPACES}]"
KEY = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
HEX_COLOR = contrast.HEX
_SAFE = r"[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}"  # RFC 3986: unreserved, sub-delims, pct-encoded
HTTP_URL = (
    rf"^https?://(?:(?:{_SAFE})+|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?"
    rf"(?:/(?:{_SAFE}|[/:@])*)?(?:\?(?:{_SAFE}|[/?:@])*)?(?:#(?:{_SAFE}|[/?:@])*)?$"
)
WEB_ADDRESS = r"^https?://[^\s/?#@]+"
"""The pattern in the schemas of auth providers, which does not check path and query."""
OPERATION_PATH = rf"^/[^{_SPACES}\\\x00-\x1f\x7f]*$"
HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
HEADER_VALUE = r"^[^\x00-\x08\x0a-\x1f\x7f]*$"

PATTERNS = {
    NAME: "may not be blank",
    r"\S": "may not be blank",
    KEY: "must be lower-case letters, digits and single hyphens",
    HEX_COLOR: "must be a colour such as #0f172a",
    HTTP_URL: "must be an http or https URL",
    WEB_ADDRESS: "must be an http or https URL",
    OPERATION_PATH: "must begin with / and hold no spaces",
    HEADER_NAME: "is not a header name",
    HEADER_VALUE: "may not hold line breaks or other control characters",
}
"""Pattern → what it requires."""
