"""The pages that the user sees in the browser while signing in to the sandbox.

The template engine escapes all values; invisible characters in external values are made visible first. The pages
have no scripts, and their only style sheet is served by the sandbox.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response

from drio_tui.sandbox.middleware import PAGE_CSP
from drio_tui.sandbox.oauth.settings import STYLE_PATH
from drio_tui.text import one_line

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent.parent / "pages"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # most sandboxes never show a page

    templates = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
    templates.filters["shown"] = lambda value, width=200: one_line(str(value), width)
    templates.globals["style"] = STYLE_PATH
    return templates


def page(
    template: str, status: int = 200, *, has_form: bool = False, form_action: str = "", **values: Any
) -> HTMLResponse:
    """Return the page of `pages/TEMPLATE.html`, rendered with `values`.

    A page that `has_form` sends a referrer to its own origin, since under `no-referrer` a browser posts with
    `Origin: null`, which `GuardMiddleware` rejects. `form_action` are further CSP sources, to which the response to
    the form may redirect.
    """
    csp = PAGE_CSP.replace("form-action 'self'", f"form-action 'self' {form_action}") if form_action else PAGE_CSP
    headers = {"Content-Security-Policy": csp, "Cache-Control": "no-store", "X-Frame-Options": "DENY"}
    headers["Referrer-Policy"] = "same-origin" if has_form else "no-referrer"
    body = _templates().get_template(f"{template}.html").render(values)
    return HTMLResponse(body, status, headers)


def error_page(status: int, title: str, message: str, *, about: dict[str, str] | None = None) -> HTMLResponse:
    """Return a page for an error that cannot be sent to the application; `about` are labelled values, shown below."""
    return page("error", status, title=title, message=message, about=about or {})


def style_sheet() -> Response:
    """Return the style sheet of all pages."""
    return Response((_FOLDER / "style.css").read_bytes(), media_type="text/css")
