"""A document, or the part of it that some operations need, held against the OpenAPI specification.

That is the business of openapi-spec-validator. It would fetch what a document refers to elsewhere; here such
references are taken out before, and it is given nothing to fetch with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from drio_tui.openapi_import.errors import EXTRA, BadDocument, Problem
from drio_tui.openapi_import.names import shortened
from drio_tui.openapi_import.parser import METHODS, OpenApiParser
from drio_tui.openapi_import.references import UnresolvedReference, steps_of
from drio_tui.tool_calls.token_count import compact

MOST_PROBLEMS = 100
_LONGEST = 300


class _NothingFetched(dict[str, Any]):
    """A handler for every scheme, and each refuses."""

    def __contains__(self, scheme: object) -> bool:
        return True

    def __getitem__(self, scheme: str) -> Any:
        def refuse(uri: str) -> NoReturn:
            raise UnresolvedReference(f"refers to another document ({uri[:120]}), which is not read", elsewhere=True)

        return refuse


def check(data: bytes, url: str, chosen: Collection[str] | None) -> Iterator[Problem]:
    """What in a document is not valid OpenAPI, at most `MOST_PROBLEMS`; only for `chosen` operations where given.

    Raises `BadDocument` when it cannot be checked.
    """
    try:
        from jsonschema_path import SchemaPath
        from openapi_spec_validator.shortcuts import get_validator_cls
    except ImportError:
        raise BadDocument("The package that checks documents is not installed.", f"Install {EXTRA}.") from None
    reading = OpenApiParser(data, url)
    root = reading.root if chosen is None else part_of(reading, chosen)
    root = without_others(root)
    found = 0
    told: set[str] = set()
    try:
        path = SchemaPath.from_dict(root, handlers=_NothingFetched())
        for error in get_validator_cls(root)(path).iter_errors():
            problem = _problem(error)
            if str(problem) in told:
                continue
            told.add(str(problem))
            yield problem
            found += 1
            if found == MOST_PROBLEMS:
                yield Problem(f"there is more: only the first {MOST_PROBLEMS} problems are told")
                return
    except (RecursionError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the validator fails in many ways on what is not valid; it is a finding
        ref = getattr(error, "ref", None)
        lost = f"{shortened(ref, 120)} is not there" if isinstance(ref, str) else f"{type(error).__name__}"
        yield Problem(f"the validator stopped before the end: {lost}")


def part_of(reading: OpenApiParser, chosen: Collection[str]) -> dict[str, Any]:
    """The document with some operations only, and what they refer to."""
    root = reading.root
    part: dict[str, Any] = {name: root[name] for name in ("openapi", "info", "servers", "security") if name in root}
    paths: dict[str, Any] = {}
    for path, method, item, operation in reading.parts(chosen):
        shared = {name: value for name, value in item.items() if name.lower() not in METHODS}
        paths.setdefault(path, shared)[method] = operation
    part["paths"] = paths
    schemes = (
        (root.get("components") or {}).get("securitySchemes") if isinstance(root.get("components"), dict) else None
    )
    part["components"] = {"securitySchemes": schemes} if isinstance(schemes, dict) else {}
    ours = {id(part), id(paths), id(part["components"])}
    waiting: list[Any] = [paths, schemes]
    seen: set[str] = set()
    while waiting:
        current = waiting.pop()
        if isinstance(current, list):
            waiting.extend(current)
        elif isinstance(current, dict):
            ref = current.get("$ref")
            if isinstance(ref, str) and ref.startswith("#/") and ref not in seen:
                seen.add(ref)
                try:
                    target = reading.references.find(ref)
                except UnresolvedReference:
                    target = None
                if target is not None:
                    _put(part, steps_of(ref), target, ours)
                    waiting.append(target)
            waiting.extend(value for name, value in current.items() if name not in ("example", "examples", "enum"))
    return part


def _put(part: dict[str, Any], steps: list[str], target: Any, ours: set[int]) -> None:
    """Put a value where a pointer says, unless what is there already holds it."""
    place: Any = part
    for step in steps[:-1]:
        if id(place) not in ours:
            return
        if step not in place:
            place[step] = {}
            ours.add(id(place[step]))
        place = place[step]
    if id(place) in ours:
        place.setdefault(steps[-1], target)


def without_others(root: dict[str, Any]) -> dict[str, Any]:
    """The document with an empty object in place of each reference to another document."""
    if not _refers_elsewhere(root):
        return root
    made: dict[int, Any] = {}

    def copy(value: Any) -> Any:
        if not isinstance(value, dict | list):
            return value
        if id(value) not in made:
            if isinstance(value, list):
                items = [
                    copy(item)
                    for item in value
                    if not (isinstance(item, dict) and _is_elsewhere(item) and "in" in item)
                ]
                made[id(value)] = items
            elif _is_elsewhere(value):
                made[id(value)] = {}
            else:
                made[id(value)] = {name: copy(item) for name, item in value.items()}
        return made[id(value)]

    result: dict[str, Any] = copy(root)
    return result


def _refers_elsewhere(root: Any) -> bool:
    waiting, seen = [root], set()
    while waiting:
        current = waiting.pop()
        if not isinstance(current, dict | list) or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, dict):
            if _is_elsewhere(current):
                return True
            waiting.extend(current.values())
        else:
            waiting.extend(current)
    return False


def _is_elsewhere(value: dict[str, Any]) -> bool:
    return any(isinstance(value.get(word), str) and not value[word].startswith("#") for word in ("$ref", "$dynamicRef"))


def _problem(error: Any) -> Problem:
    path = [str(step) for step in getattr(error, "absolute_path", ())]
    while getattr(error, "context", None):  # of alternatives, what is wrong with the one that fits best
        inner = max(error.context, key=lambda one: len(one.absolute_path))
        if len(inner.absolute_path) < len(error.absolute_path):
            break
        error = inner
        path = [str(step) for step in error.absolute_path] or path
    operation = ""
    if len(path) > 2 and path[0] == "paths" and path[2] in METHODS:
        operation = f"{path[2].upper()} {path[1]}"
    return Problem(shortened(_sentence(error), _LONGEST), ".".join(path), operation)


def _sentence(error: Any) -> str:
    """An error in words. The libraries write values as Python does, or as pages of JSON."""
    keyword = getattr(error, "validator", None)
    if isinstance(keyword, str):  # of jsonschema
        value, wanted = _value(error.instance), error.validator_value
        if keyword == "type":
            return f"{value} is not of type {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
        if keyword == "enum":
            return f"{value} is not one of {', '.join(map(_value, wanted))}"
        if keyword == "pattern":
            return f"{value} does not match {wanted}"
        return f"{value} does not satisfy {keyword}: {_value(wanted)}"
    message = str(getattr(error, "message", error)).partition("\n")[0]  # of jsonschema-rs: what follows is the schema
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
