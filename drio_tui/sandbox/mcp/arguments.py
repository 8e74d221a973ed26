"""Validation of a tool's arguments, and of an upstream's response, against an untrusted JSON Schema.

References are never fetched, regular expressions have a time limit, and so has the validation as a whole, since
the references of a schema can multiply exponentially.
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

from drio_tui.text import one_line
from drio_tui.tool_calls.patterns import TooLarge, parsed

_MAX_ERRORS = 10
_MAX_SECONDS = 0.5
_MAX_REGEX_SECONDS = 0.1
_MAX_REFERENCES = 5_000


class ValidationAborted(Exception):
    """The validation takes too long, or the schema refers to something outside itself."""


class _Budget:
    """The references and the time that one validation may use."""

    def __init__(self) -> None:
        self.references = _MAX_REFERENCES
        self.deadline = time.monotonic() + _MAX_SECONDS

    def spend(self) -> None:
        """Count one step. Raises `ValidationAborted` if the budget is used up."""
        self.references -= 1
        if self.references < 0 or time.monotonic() > self.deadline:
            raise ValidationAborted("the schema takes too long to check")


_budget: ContextVar[_Budget] = ContextVar("budget")


@lru_cache(maxsize=512)
def _compile_pattern(pattern: str) -> Any:
    try:
        return regex.compile(parsed(pattern)[0])
    except (re.error, regex.error, RecursionError, OverflowError, TooLarge):
        return None  # valid in ECMA-262 only, or too large: left to the upstream


def _matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text; True for a pattern that cannot be compiled."""
    compiled = _compile_pattern(pattern)
    if compiled is None:
        return True
    _budget.get().spend()
    try:
        return compiled.search(text, timeout=_MAX_REGEX_SECONDS) is not None
    except TimeoutError:
        raise ValidationAborted("a pattern of the schema takes too long on this value") from None


def _pattern(_validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"does not match {pattern}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, subschema: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(_matches(pattern, name) for pattern in patterns):
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
    """Return the validator of a reference keyword, with each use counted."""
    original = Draft202012Validator.VALIDATORS[keyword]

    def validate(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _budget.get().spend()
        yield from original(validator, reference, instance, schema) or ()

    return validate


def _unevaluated(keyword: str) -> Any:
    """Return the validator of an `unevaluated…` keyword, which ignores schemas with `patternProperties`."""
    original = Draft202012Validator.VALIDATORS[keyword]

    def validate(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if "patternProperties" not in str(schema):  # else its patterns would be matched without a time limit
            yield from original(validator, value, instance, schema) or ()

    return validate


_Validator: Any = extend(  # type: ignore[no-untyped-call]  # the stubs leave it out
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "required": _required,
        "$ref": _counted("$ref"),
        "$dynamicRef": _counted("$dynamicRef"),
        "unevaluatedProperties": _unevaluated("unevaluatedProperties"),
    },
)


class SchemaValidator:
    """Validates values against one schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = _Validator(schema, registry=Registry())

    def errors(self, value: Any) -> list[str]:
        """Return why `value` is invalid, at most ten texts `path: reason`. Raises `ValidationAborted`."""
        token = _budget.set(_Budget())
        try:
            errors = []
            for error in self._validator.iter_errors(value):
                errors.append(_describe(error))
                if len(errors) == _MAX_ERRORS:
                    break
            return errors
        except Unresolvable as error:
            text = one_line(str(error), 120)
            raise ValidationAborted(f"the schema refers to something that is not in it: {text}") from None
        except RecursionError:
            raise ValidationAborted("the schema or the value is nested too deeply") from None
        finally:
            _budget.reset(token)


def _describe(error: ValidationError) -> str:
    path = ".".join(str(part) for part in error.absolute_path)
    message = str(error.message)
    expected: Any = error.validator_value
    if error.validator == "type":
        message = f"must be {' or '.join(expected) if isinstance(expected, list) else expected}"
    elif error.validator == "enum":
        message = "must be one of " + ", ".join(map(repr, expected))
    return one_line(f"{path}: {message}" if path else message, 300)


def is_schema(schema: Any) -> bool:
    """Whether `schema` is a JSON Schema of 2020-12 that refers to nothing outside itself."""
    if not isinstance(schema, dict):
        return False
    try:
        Draft202012Validator.check_schema(schema)
        return not _has_external_reference(schema)
    except Exception:  # noqa: BLE001 - jsonschema passes on exceptions of its parts; any of them means: not usable
        return False


def _has_external_reference(schema: Any) -> bool:
    """Whether a `$ref` or `$dynamicRef` refers to another document."""
    pending = [schema]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            for keyword in ("$ref", "$dynamicRef"):
                reference = current.get(keyword)
                if isinstance(reference, str) and not reference.startswith("#"):
                    return True
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)
    return False
