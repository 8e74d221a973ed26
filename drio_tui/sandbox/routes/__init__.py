"""The 37 resource routes of the contract's table, one module per tag."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from fastapi import APIRouter, FastAPI
from starlette.routing import Route, compile_path

from drio_tui.sandbox.routes import apps, auth, integrations, operations, templates, tools, widgets
from drio_tui.sandbox.settings import API_PREFIX

_MODULES = (templates, apps, auth, integrations, operations, tools, widgets)


def install(app: FastAPI) -> None:
    """Add every route to `app`."""
    for module in _MODULES:
        app.include_router(module.router, prefix=API_PREFIX)


def methods(app: FastAPI, *routers: APIRouter) -> Callable[[str], set[str]]:
    """What tells the methods that a path takes: by a route of ours, of `routers`, or of `app` itself."""

    @cache
    def known() -> list[tuple[re.Pattern[str], set[str]]]:
        plain = [(route.path, route.methods) for route in app.routes if isinstance(route, Route)]
        for prefix, router in [*((API_PREFIX, module.router) for module in _MODULES), *(("", one) for one in routers)]:
            plain += [(prefix + route.path, route.methods) for route in router.routes if isinstance(route, Route)]
        return [(compile_path(path)[0], set(taken or ())) for path, taken in plain]

    return lambda path: {method for pattern, taken in known() if pattern.match(path) for method in taken}
