"""The routes of the sandbox: the 37 of the management API (the contract's table), one module per tag, and its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from starlette.applications import Starlette
from starlette.routing import Route, compile_path

from drio_tui.sandbox.routes import (
    apps,
    auth,
    integrations,
    operations,
    sandbox_only,
    templates,
    tools,
    widgets,
)


def install(app: Starlette) -> None:
    """Add every route to `app` directly: with included routers each request would be matched at two levels."""
    for module in (apps, tools, widgets, integrations, operations, auth, templates, sandbox_only):
        app.router.routes.extend(module.router.routes)


def methods(app: Starlette) -> Callable[[str], set[str]]:
    """Return a function that returns the methods of a path."""

    @cache
    def patterns() -> list[tuple[re.Pattern[str], set[str]]]:
        routes = [route for route in app.routes if isinstance(route, Route)]
        return [(compile_path(route.path)[0], set(route.methods or ())) for route in routes]

    return lambda path: {method for pattern, names in patterns() if pattern.match(path) for method in names}
