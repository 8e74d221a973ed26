"""Routes whose functions get what their parameters are named after.

FastAPI would do the same, but importing it and pydantic takes as long as all else that the sandbox needs for its first
response. Here, the models are named only, and imported with the first body; FastAPI generates the OpenAPI document
(`openapi_generator`).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drio_tui.sandbox.bodies import read_body, read_query
from drio_tui.sandbox.core import sandbox_of
from drio_tui.sandbox.oauth import require_user

if TYPE_CHECKING:
    from pydantic import BaseModel

Endpoint = Callable[..., Awaitable[Response]]
Guard = Callable[[Request], Awaitable[None]]

ErrorResponses = Mapping[int, tuple[str, str]]
"""By status: the name of the model of an error, and its description."""


class ApiRoute(Route):
    """A route whose `function` gets, as far as it has parameters of these names:

    - `sandbox`, the sandbox, and `request`, the request;
    - `user`, who sent the request, which then has to have a bearer token;
    - `body` and `query`, as instances of the models that their annotations name, in the module `models`;
    - the parameters of the path: `app_id` for `{appId}`.

    What else is in `operation` is for the OpenAPI document.
    """

    def __init__(
        self, path: str, function: Endpoint, method: str, models: str, guard: Guard | None, operation: dict[str, Any]
    ) -> None:
        super().__init__(path, self._respond, methods=[method], name=function.__name__)
        self.methods = {method}  # Starlette adds HEAD to GET
        self.function, self.operation = function, operation
        self.path_parameters = {_snake_case(name): name for name in self.param_convertors}
        self._models, self._guard = models, guard
        code = function.__code__
        self.parameters: tuple[str, ...] = code.co_varnames[: code.co_argcount]

    async def _respond(self, request: Request) -> Response:
        if self._guard is not None:
            await self._guard(request)
        return await self.function(**{name: await self._argument(name, request) for name in self.parameters})

    async def _argument(self, name: str, request: Request) -> Any:
        match name:
            case "sandbox":
                return sandbox_of(request)
            case "request":
                return request
            case "user":
                return await require_user(request)
            case "body":
                return await read_body(request, self.model(name))
            case "query":
                return read_query(request, self.model(name))
        return request.path_params[self.path_parameters[name]]

    def model(self, parameter: str) -> type[BaseModel]:
        """Return the model that the annotation of a parameter names."""
        model: type[BaseModel] = getattr(
            importlib.import_module(self._models), self.function.__annotations__[parameter]
        )
        return model


class Router:
    """Collects the `routes` below `prefix`; those with `tags` are in the OpenAPI document.

    `models` is the module with the models of bodies and queries, if there are any. `guard` is awaited before each
    endpoint.
    """

    def __init__(self, prefix: str, *tags: str, models: str = "", guard: Guard | None = None) -> None:
        self.routes: list[BaseRoute] = []
        self._prefix, self._tags, self._models, self._guard = prefix, tags, models, guard

    def get(self, path: str, **operation: Any) -> Callable[[Endpoint], Endpoint]:
        return self._adding("GET", path, operation)

    def post(self, path: str, **operation: Any) -> Callable[[Endpoint], Endpoint]:
        return self._adding("POST", path, operation)

    def put(self, path: str, **operation: Any) -> Callable[[Endpoint], Endpoint]:
        return self._adding("PUT", path, operation)

    def patch(self, path: str, **operation: Any) -> Callable[[Endpoint], Endpoint]:
        return self._adding("PATCH", path, operation)

    def delete(self, path: str, **operation: Any) -> Callable[[Endpoint], Endpoint]:
        return self._adding("DELETE", path, operation)

    def _adding(self, method: str, path: str, operation: dict[str, Any]) -> Callable[[Endpoint], Endpoint]:
        def add(function: Endpoint) -> Endpoint:
            described = {"tags": list(self._tags)} | operation
            route = ApiRoute(self._prefix + path, function, method, self._models, self._guard, described)
            self.routes.append(route)
            return function

        return add


def _snake_case(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), name)
