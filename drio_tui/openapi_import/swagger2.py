"""Rewrites documents of Swagger 2.0 as OpenAPI 3.0, as far as requests need it.

`definitions`, `parameters` and `responses` keep their places, so that references to them stay valid. What has an
unexpected form is left as it is: the parser reports it.
"""

from __future__ import annotations

from typing import Any

from drio_tui.openapi_import.references import References, UnresolvedReference

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_OUTSIDE_SCHEMA = frozenset({"name", "in", "required", "description", "collectionFormat", "allowEmptyValue"})
_STYLES: dict[str, dict[str, Any]] = {
    "multi": {"style": "form", "explode": True},
    "ssv": {"style": "spaceDelimited", "explode": False},
    "pipes": {"style": "pipeDelimited", "explode": False},
}
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


def upgraded(root: Any) -> Any:
    """Return the document as OpenAPI 3.0 if it is of Swagger 2.0, else the document itself."""
    if not isinstance(root, dict) or str(root.get("swagger")) not in ("2.0", "2") or "openapi" in root:
        return root
    converter = _Converter(root)
    paths = root.get("paths")
    shared = root.get("parameters")
    result = root | {"openapi": "3.0.0", "servers": _servers(root)}
    if isinstance(shared, dict):
        result["parameters"] = {name: converter.parameter(value) for name, value in shared.items()}
    if isinstance(root.get("responses"), dict):
        result["responses"] = {name: converter.response(value, _listed(root, "produces", _JSON))
                               for name, value in root["responses"].items()}  # fmt: skip
    if isinstance(paths, dict):
        result["paths"] = {path: converter.path_item(item) for path, item in paths.items()}
    return result


def _servers(root: dict[str, Any]) -> list[dict[str, str]]:
    host, base_path = root.get("host"), root.get("basePath")
    path = base_path if isinstance(base_path, str) and base_path.startswith("/") else "/"
    if not isinstance(host, str) or not host:
        return [{"url": path}]
    return [{"url": f"{scheme}://{host}{path}"} for scheme in _listed(root, "schemes", "https")]


def _listed(value: dict[str, Any], name: str, default: str) -> list[str]:
    listed = value.get(name)
    texts = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    return texts or [default]


def _parameters(value: dict[str, Any]) -> list[Any]:
    listed = value.get("parameters")
    return listed if isinstance(listed, list) else []


class _Converter:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._references = References(root)

    def path_item(self, item: Any) -> Any:
        """Return a Path Item Object with its operations rewritten."""
        if not isinstance(item, dict):
            return item
        shared = _parameters(item)
        result = dict(item)
        if shared:
            result["parameters"] = [self.parameter(value) for value in shared if not self._is_body(value)]
        for method in _METHODS:
            if isinstance(item.get(method), dict):
                result[method] = self._operation(item[method], shared)
        return result

    def parameter(self, value: Any) -> Any:
        """Return a Parameter Object with its type as a schema; one of a body stays as it is."""
        if not isinstance(value, dict) or "$ref" in value or value.get("in") in ("body", "formData"):
            return value
        schema = {name: part for name, part in value.items() if name not in _OUTSIDE_SCHEMA}
        kept = {name: value[name] for name in ("name", "in", "required", "description") if name in value}
        is_list = value.get("type") == "array" and value.get("in") == "query"
        default: dict[str, Any] = {"style": "form", "explode": False}
        style = _STYLES.get(str(value.get("collectionFormat")), default) if is_list else {}
        return kept | style | {"schema": schema}

    def response(self, value: Any, media_types: list[str]) -> Any:
        """Return a Response Object with its schema under each media type."""
        if not isinstance(value, dict) or "$ref" in value or "schema" not in value:
            return value
        rest = {name: part for name, part in value.items() if name != "schema"}
        return rest | {"content": {kind: {"schema": value["schema"]} for kind in media_types}}

    def _operation(self, operation: dict[str, Any], shared: list[Any]) -> dict[str, Any]:
        own = _parameters(operation)
        result = dict(operation)
        if own:
            result["parameters"] = [self.parameter(value) for value in own if not self._is_body(value)]
        bodies = [body for value in (*shared, *own) if (body := self._followed(value)) and self._is_body(value)]
        consumes = _listed(operation, "consumes", "") if "consumes" in operation else []
        consumes = consumes or _listed(self._root, "consumes", "")
        if bodies:
            result["requestBody"] = _request_body(bodies, [kind for kind in consumes if kind])
        produces = _listed(operation if "produces" in operation else self._root, "produces", _JSON)
        responses = operation.get("responses")
        if isinstance(responses, dict):
            result["responses"] = {status: self.response(value, produces) for status, value in responses.items()}
        return result

    def _followed(self, value: Any) -> dict[str, Any]:
        try:
            target = self._references.follow(value)
        except UnresolvedReference:
            return {}
        return target if isinstance(target, dict) else {}

    def _is_body(self, value: Any) -> bool:
        return self._followed(value).get("in") in ("body", "formData")


def _request_body(parameters: list[dict[str, Any]], consumes: list[str]) -> dict[str, Any]:
    """Return the Request Body Object of a `body` parameter, or of the `formData` ones."""
    body = next((value for value in parameters if value.get("in") == "body"), None)
    if body is not None:
        media = {"schema": body.get("schema", {})}
        kept = {name: body[name] for name in ("description", "required") if name in body}
        return kept | {"content": dict.fromkeys(consumes or [_JSON], media)}
    fields = [value for value in parameters if isinstance(value.get("name"), str)]
    has_file = any(value.get("type") == "file" for value in fields)
    properties = {
        value["name"]: {name: part for name, part in value.items()
                        if name not in _OUTSIDE_SCHEMA or name == "description"} for value in fields
    }  # fmt: skip
    required = [value["name"] for value in fields if value.get("required") is True]
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    kind = _MULTIPART if has_file or (consumes and _FORM not in consumes and _MULTIPART in consumes) else _FORM
    return {"required": bool(required), "content": {kind: {"schema": schema}}}
