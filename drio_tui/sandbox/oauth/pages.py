"""The pages that a person sees in the browser while signing in to the sandbox.

Everything in them is escaped by the template engine, and what comes from elsewhere is made visible first.
They hold no script, and their one style sheet comes from here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from drio_tui.sandbox.middleware import PAGE_CSP
from drio_tui.sandbox.oauth.settings import STYLE_PATH
from drio_tui.text import one_line

_FOLDER = Path(__file__).parent.parent / "pages"
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
_TEMPLATES.filters["shown"] = lambda value, width=200: one_line(str(value), width)
_TEMPLATES.globals["style"] = STYLE_PATH


def page(template: str, status: int = 200, *, may_post: bool = False, targets: str = "", **values: Any) -> HTMLResponse:
    """The page made from `pages/TEMPLATE.html`.

    With `may_post` the page holds a form of ours: it names itself as referrer to its own origin, since a
    browser under `no-referrer` posts with `Origin: null`, which the guard refuses. `targets` are further
    CSP sources that the form's answer may redirect to.
    """
    csp = PAGE_CSP.replace("form-action 'self'", f"form-action 'self' {targets}") if targets else PAGE_CSP
    headers = {"Content-Security-Policy": csp, "Cache-Control": "no-store", "X-Frame-Options": "DENY"}
    headers["Referrer-Policy"] = "same-origin" if may_post else "no-referrer"
    body = _TEMPLATES.get_template(f"{template}.html").render(values)
    return HTMLResponse(body, status, headers)


def error_page(status: int, title: str, message: str, *, about: dict[str, str] | None = None) -> HTMLResponse:
    """A page for what cannot be told to the application: `about` are labelled facts, shown as they are."""
    return page("error", status, title=title, message=message, about=about or {})


def style_sheet() -> Response:
    """The style sheet of all pages."""
    return Response((_FOLDER / "style.css").read_bytes(), media_type="text/css")
