"""Checking a tool's arguments, and an upstream's answer, against a JSON Schema somebody else wrote.

Neither the schema nor the value is trusted: references are never fetched, regular expressions have a time
limit, and a schema whose references multiply is given up on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from drio_tui.sandbox.mcp import compiled_schema
from drio_tui.text import one_line
from drio_tui.tool_calls.patterns import TooLarge, parsed

_MOST_ERRORS = 10
_SECONDS = 0.5
_REGEX_SECONDS = 0.1
_REFERENCES = 5_000


class Undecided(Exception):
    """The schema asks for too much work, or refers to what is not in it."""


class _Budget:
    def __init__(self) -> None:
        self.references = _REFERENCES
        self.deadline = time.monotonic() + _SECONDS

    def spend(self) -> None:
        self.references -= 1
        if self.references < 0 or time.monotonic() > self.deadline:
            raise Undecided("the schema takes too long to check")


_budget: ContextVar[_Budget] = ContextVar("budget")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    try:
        return regex.compile(parsed(pattern)[0])
    except (re.error, regex.error, RecursionError, OverflowError, TooLarge):
        return None  # written for ECMA-262 only, or too large: the upstream decides


def _found(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    if compiled is None:
        return True
    _budget.get().spend()
    try:
        return compiled.search(text, timeout=_REGEX_SECONDS) is not None
    except TimeoutError:
        raise Undecided("a pattern of the schema takes too long on this value") from None


def _pattern(_validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _found(pattern, instance):
        yield ValidationError(f"does not match {pattern}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _found(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional(validator: Any, subschema: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(_found(pattern, name) for pattern in patterns):
            continue
        if subschema is False:
            yield ValidationError(f"has {name!r}, which is not expected")
        else:
            yield from validator.descend(value, subschema, path=name)


def _required(_validator: Any, names: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in names:
            if name not in instance:
                yield ValidationError("is required", path=(name,))


def _counted(keyword: str) -> Any:
    original = Draft202012Validator.VALIDATORS[keyword]

    def follow(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _budget.get().spend()
        yield from original(validator, reference, instance, schema) or ()

    return follow


def _unevaluated(keyword: str) -> Any:
    original = Draft202012Validator.VALIDATORS[keyword]

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if "patternProperties" not in str(schema):  # else its patterns would be tried without a limit
            yield from original(validator, value, instance, schema) or ()

    return check


_Validator: Any = extend(  # type: ignore[no-untyped-call]  # the stubs leave it out
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional,
        "required": _required,
        "$ref": _counted("$ref"),
        "$dynamicRef": _counted("$dynamicRef"),
        "unevaluatedProperties": _unevaluated("unevaluatedProperties"),
    },
)


class Checker:
    """One schema, compiled."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._fits = compiled_schema.compiled(schema)
        self._validator = _Validator(schema, registry=Registry())

    def problems(self, value: Any) -> list[str]:
        """What is wrong with `value`, at most ten sentences `path: why`. Raises `Undecided`."""
        if self._fits is not None and self._fits(value):
            return []
        token = _budget.set(_Budget())
        try:
            found = []
            for error in self._validator.iter_errors(value):
                found.append(_sentence(error))
                if len(found) == _MOST_ERRORS:
                    break
            return found
        except Unresolvable as error:
            raise Undecided(f"the schema refers to something that is not in it: {one_line(str(error), 120)}") from None
        except RecursionError:
            raise Undecided("the schema or the value is nested too deeply") from None
        finally:
            _budget.reset(token)


def _sentence(error: ValidationError) -> str:
    path = ".".join(str(part) for part in error.absolute_path)
    message = str(error.message)
    wanted: Any = error.validator_value
    if error.validator == "type":
        message = f"must be {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
    elif error.validator == "enum":
        message = "must be one of " + ", ".join(map(repr, wanted))
    return one_line(f"{path}: {message}" if path else message, 300)


def is_schema(schema: Any) -> bool:
    """Whether `schema` is a JSON Schema of 2020-12 that refers to nothing outside itself."""
    if not isinstance(schema, dict):
        return False
    try:
        Draft202012Validator.check_schema(schema)
        return not _leaves(schema)
    except Exception:  # noqa: BLE001 - jsonschema raises what its own parts raise; either way it is no schema for us
        return False


def _leaves(schema: Any) -> bool:
    """Whether some `$ref` names another document."""
    waiting = [schema]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            for keyword in ("$ref", "$dynamicRef"):
                reference = current.get(keyword)
                if isinstance(reference, str) and not reference.startswith("#"):
                    return True
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
    return False
