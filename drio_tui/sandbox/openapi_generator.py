"""Generates the paths and schemas of the OpenAPI document with FastAPI, which is imported only for that."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Path
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.responses import Response
from starlette.routing import BaseRoute

from drio_tui import __version__
from drio_tui.api import models
from drio_tui.api.json_codec import Document
from drio_tui.sandbox.routes import envelopes
from drio_tui.sandbox.routing import ApiRoute

# FastAPI ignores it where it makes the validator of a body. Those of models with `defer_build` are made later.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

_PATH_PARAMETERS = {
    "appId": "The app.",
    "authId": "The auth connection.",
    "integrationId": "The integration.",
    "operationId": "The operation.",
    "toolId": "The tool.",
    "widgetId": "The widget.",
    "templateId": "The template.",
}

_MODELS = vars(models) | vars(envelopes)


def generate(routes: Iterable[BaseRoute]) -> Document:
    """Return the document of those routes that have an operation id."""
    described = [
        _fastapi_route(route) for route in routes if isinstance(route, ApiRoute) and "operation_id" in route.operation
    ]
    document: Document = get_openapi(title="drio management API", version=__version__, routes=described)
    return document


def _fastapi_route(route: ApiRoute) -> APIRoute:
    """Return a route that is never called, with the parameters and the body of `route`."""
    annotations: dict[str, Any] = {
        parameter: Annotated[str, Path(alias=name, description=_PATH_PARAMETERS[name])]
        for parameter, name in route.path_parameters.items()
    }
    if "body" in route.parameters:
        annotations["body"] = route.model("body")

    async def endpoint(**_arguments: Any) -> None:
        pass

    endpoint.__doc__ = route.function.__doc__
    vars(endpoint)["__signature__"] = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
            for name, annotation in annotations.items()
        ]
    )
    operation = dict(route.operation)
    model, errors = operation.pop("response_model", None), operation.pop("responses")
    return APIRoute(
        route.path,
        endpoint,
        methods=sorted(route.methods or ()),
        response_model=_MODELS[model] if model else None,
        responses={
            status: {"model": _MODELS[name], "description": description}
            for status, (name, description) in errors.items()
        },
        **operation if model else operation | {"response_class": Response},
    )
