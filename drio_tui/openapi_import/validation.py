"""Validates a document, or the part of it that some operations use, against the OpenAPI specification.

This uses openapi-spec-validator, which would fetch other documents that are referred to. Such references are removed
before, and its handlers for all URL schemes raise an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from drio_tui.openapi_import.errors import EXTRA, BadDocument, DocumentProblem
from drio_tui.openapi_import.names import shortened
from drio_tui.openapi_import.parser import METHODS, OpenApiParser
from drio_tui.openapi_import.references import UnresolvedReference, steps_of
from drio_tui.tool_calls.token_count import compact

MOST_PROBLEMS = 100
_LONGEST = 300


class _NoFetching(dict[str, Any]):
    """A mapping with a handler for every URL scheme, which raises `UnresolvedReference`."""

    def __contains__(self, scheme: object) -> bool:
        return True

    def __getitem__(self, scheme: str) -> Any:
        def refuse(uri: str) -> NoReturn:
            raise UnresolvedReference(f"refers to another document ({uri[:120]}), which is not read", elsewhere=True)

        return refuse


def check(data: bytes, url: str, chosen: Collection[str] | None) -> Iterator[DocumentProblem]:
    """Yield at most `MOST_PROBLEMS` violations in a document, or in the part that the `chosen` operations use.

    Raises `BadDocument` when it cannot be checked.
    """
    try:
        from jsonschema_path import SchemaPath
        from openapi_spec_validator.shortcuts import get_validator_cls
    except ImportError:
        raise BadDocument("The package that checks documents is not installed.", f"Install {EXTRA}.") from None
    parser = OpenApiParser(data, url)
    root = parser.root if chosen is None else part_of(parser, chosen)
    root = without_others(root)
    yielded: set[str] = set()
    try:
        path = SchemaPath.from_dict(root, handlers=_NoFetching())
        for error in get_validator_cls(root)(path).iter_errors():
            problem = _problem(error)
            if str(problem) in yielded:
                continue
            yielded.add(str(problem))
            yield problem
            if len(yielded) == MOST_PROBLEMS:
                yield DocumentProblem(f"there is more: only the first {MOST_PROBLEMS} problems are shown")
                return
    except (RecursionError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the validator raises many types on invalid documents: a problem, too
        ref = getattr(error, "ref", None)
        reason = f"{shortened(ref, 120)} is not there" if isinstance(ref, str) else f"{type(error).__name__}"
        yield DocumentProblem(f"the validator stopped before the end: {reason}")


def part_of(parser: OpenApiParser, chosen: Collection[str]) -> dict[str, Any]:
    """Return the document with only the chosen operations and what they refer to."""
    root = parser.root
    part: dict[str, Any] = {name: root[name] for name in ("openapi", "info", "servers", "security") if name in root}
    paths: dict[str, Any] = {}
    for path, method, item, operation in parser.parts(chosen):
        shared = {name: value for name, value in item.items() if name.lower() not in METHODS}
        paths.setdefault(path, shared)[method] = operation
    part["paths"] = paths
    schemes = (
        (root.get("components") or {}).get("securitySchemes") if isinstance(root.get("components"), dict) else None
    )
    part["components"] = {"securitySchemes": schemes} if isinstance(schemes, dict) else {}
    new_objects = {id(part), id(paths), id(part["components"])}
    pending: list[Any] = [paths, schemes]
    seen: set[str] = set()
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            ref = current.get("$ref")
            if isinstance(ref, str) and ref.startswith("#/") and ref not in seen:
                seen.add(ref)
                try:
                    target = parser.references.find(ref)
                except UnresolvedReference:
                    target = None
                if target is not None:
                    _put(part, steps_of(ref), target, new_objects)
                    pending.append(target)
            pending.extend(value for name, value in current.items() if name not in ("example", "examples", "enum"))
    return part


def _put(part: dict[str, Any], steps: list[str], target: Any, new_objects: set[int]) -> None:
    """Set the value at a pointer, unless an object of the document itself on the way already contains it."""
    parent: Any = part
    for step in steps[:-1]:
        if id(parent) not in new_objects:
            return
        if step not in parent:
            parent[step] = {}
            new_objects.add(id(parent[step]))
        parent = parent[step]
    if id(parent) in new_objects:
        parent.setdefault(steps[-1], target)


def without_others(root: dict[str, Any]) -> dict[str, Any]:
    """Return the document with each reference to another document replaced by an empty object."""
    if not _refers_elsewhere(root):
        return root
    copies: dict[int, Any] = {}

    def copy(value: Any) -> Any:
        if not isinstance(value, dict | list):
            return value
        if id(value) not in copies:
            if isinstance(value, list):
                items = [
                    copy(item)
                    for item in value
                    if not (isinstance(item, dict) and _is_elsewhere(item) and "in" in item)
                ]
                copies[id(value)] = items
            elif _is_elsewhere(value):
                copies[id(value)] = {}
            else:
                copies[id(value)] = {name: copy(item) for name, item in value.items()}
        return copies[id(value)]

    result: dict[str, Any] = copy(root)
    return result


def _refers_elsewhere(root: Any) -> bool:
    pending, seen = [root], set()
    while pending:
        current = pending.pop()
        if not isinstance(current, dict | list) or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, dict):
            if _is_elsewhere(current):
                return True
            pending.extend(current.values())
        else:
            pending.extend(current)
    return False


def _is_elsewhere(value: dict[str, Any]) -> bool:
    return any(isinstance(value.get(word), str) and not value[word].startswith("#") for word in ("$ref", "$dynamicRef"))


def _problem(error: Any) -> DocumentProblem:
    path = [str(step) for step in getattr(error, "absolute_path", ())]
    while getattr(error, "context", None):  # of several alternatives, the error deepest in the document
        inner = max(error.context, key=lambda suberror: len(suberror.absolute_path))
        if len(inner.absolute_path) < len(error.absolute_path):
            break
        error = inner
        path = [str(step) for step in error.absolute_path] or path
    operation = ""
    if len(path) > 2 and path[0] == "paths" and path[2] in METHODS:
        operation = f"{path[2].upper()} {path[1]}"
    return DocumentProblem(shortened(_message(error), _LONGEST), ".".join(path), operation)


def _message(error: Any) -> str:
    """Return a short message for an error. The libraries' messages contain Python literals or pages of JSON."""
    keyword = getattr(error, "validator", None)
    if isinstance(keyword, str):  # an error of jsonschema
        value, expected = _value(error.instance), error.validator_value
        if keyword == "type":
            return f"{value} is not of type {' or '.join(expected) if isinstance(expected, list) else expected}"
        if keyword == "enum":
            return f"{value} is not one of {', '.join(map(_value, expected))}"
        if keyword == "pattern":
            return f"{value} does not match {expected}"
        return f"{value} does not satisfy {keyword}: {_value(expected)}"
    message = str(getattr(error, "message", error)).partition("\n")[0]  # jsonschema-rs puts the schema on later lines
    value, alternatives, _ = message.partition(_ALTERNATIVES)
    if alternatives:
        return f"{_cut(value)} fits none of the forms that are allowed there"
    if type(error).__name__ == "ExtraParametersError":
        names = message.rpartition("[")[2].rstrip("]").replace("'", "")
        return f"required names properties that are not defined: {names}"
    if message.endswith("is not of type 'object', 'boolean'"):
        return "is not a schema"
    return message


_ALTERNATIVES = " is not valid under any of the schemas"


def _value(value: Any) -> str:
    return _cut(compact(value))


def _cut(text: str) -> str:
    return shortened(text, 60)
