"""A tool's output: the output schema that clients get, and the result made from an upstream's response.

An upstream may answer differently than described: `null` where none is declared, a number as text, an empty body.
That is not a failure of the call. The result then holds the data as received, with a note. Since clients refuse a
result that is not valid under its tool's output schema, the published schema allows any other object besides the
described one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drio_tui.api.json_codec import Document
from drio_tui.text import count_of, one_line
from drio_tui.tool_calls.response import as_text
from drio_tui.tool_calls.schemas import DEFS, NOTES, all_within, map_subschemas
from drio_tui.tool_calls.token_count import size

if TYPE_CHECKING:
    from drio_tui.tool_calls.fetch import UpstreamResponse


LARGEST = 8_000
"""The most bytes of JSON of an output schema: some 2,000 tokens, for every tool, in every conversation."""
NOTE_META = "drio/note"
"""In a result's `_meta`: how the response differs from what the operation's output schema says."""

_OTHER = {"description": "A response that is not as documented."}
_DEEPEST = 8
_MOST_NODES = 2_000
_DROPPED_KEYWORDS = frozenset({
    "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems",
    "propertyNames", "patternProperties", "contains", "minContains", "maxContains", "$defs", "pattern",
})  # fmt: skip
"""Keywords dropped from a truncated schema, since they would refuse what the full schema allows; also patterns."""
_CHILD_KEYWORDS = frozenset({"properties", "items", "prefixItems", "additionalProperties"})
_ANCHORS = frozenset({"$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef"})


def declares_no_object(schema: Any) -> bool:
    """Return whether an output schema describes something other than an object: `{"result": …}` is put around it."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return isinstance(kind, str) and kind != "object"


def bounded(schema: Document) -> tuple[Document | None, str]:
    """Return the schema in at most `LARGEST` bytes, and the end of a sentence about what was left out.

    The schema is None where it cannot be made small enough.
    """
    if size(schema) <= LARGEST:
        return schema, ""
    shorter = _without_notes(schema, frozenset({"examples", "default"}))
    if size(shorter) > LARGEST:
        shorter = _without_notes(shorter, NOTES)
    if size(shorter) <= LARGEST:
        return shorter, "its descriptions and examples are left out"
    for depth in range(_DEEPEST, 0, -1):
        try:
            cut = _Truncation(schema.get("$defs")).schema(schema, depth)
        except _TooLarge:
            continue
        if size(cut) <= LARGEST:
            return cut, f"what lies deeper than {count_of(depth, 'level')} is left open"
    return None, "it is left out"


def published(schema: Any) -> Document | None:
    """Return the output schema that clients get for an operation's, None where it cannot be used.

    It describes an object, as MCP requires, and every result of `result_of` is valid under it.
    """
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
        return None
    try:
        described = _without_patterns(bounded(schema)[0])
    except RecursionError:
        return None
    if described is None:
        return None
    defs = described.pop("$defs", None)
    known_references = {DEFS + name.replace("~", "~0").replace("/", "~1") for name in defs or ()}
    for _, subschema in all_within({"anyOf": [described], "$defs": defs or {}}):
        if subschema.keys() & _ANCHORS or ("$ref" in subschema and subschema["$ref"] not in known_references):
            return None  # it would have another meaning, or none, where it is embedded
    if declares_no_object(schema):
        open_ended: Document = {"properties": {"result": {"anyOf": [described, _OTHER]}}, "required": ["result"]}
    else:
        # The type is redundant, but without it the MCP Inspector warns about an empty schema.
        open_ended = {"anyOf": [described, {"type": "object"} | _OTHER]}
    dialect = {"$schema": schema["$schema"]} if "$schema" in schema else {}
    return dialect | {"type": "object"} | open_ended | ({"$defs": defs} if defs else {})


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a successful call: `text` for models, `structured` an object for programs.

    `value` is what a widget's mappings are applied to. `note` is a sentence about how the response differs from the
    documentation, empty where it does not.
    """

    value: Any
    structured: Document
    text: str
    note: str = ""


def result_of(
    response: UpstreamResponse, value: Any, is_json: bool, schema: Any, problems: Callable[[Any], list[str]]
) -> Result:
    """Return the result of a successful (2xx) response.

    `value` and `is_json` are what `response.read` returned, `schema` is the operation's output schema, and `problems`
    returns in which ways a value is not valid under it.
    """
    if not response.body:
        value = {"status": response.status}
        text, differences = as_text(value), ["it is empty"]
    elif value is None and not is_json:
        media_type = one_line(response.content_type or "an unknown kind", 60)
        size = len(response.body)
        text = f"The upstream answered {response.status} with {size} bytes of {media_type}, which are not shown."
        value = {"status": response.status, "contentType": response.content_type, "bytes": size}
        differences = [f"it is {media_type}"]
    else:
        text = as_text(value) if is_json else str(value)
        differences = problems(value)
    structured = value if isinstance(value, dict) and not declares_no_object(schema) else {"result": value}
    note = ""
    if isinstance(schema, dict) and differences:
        note = f"The response is not as the operation's outputSchema says: {'; '.join(differences[:3])}."
    return Result(value, structured, text, note)


class _TooLarge(Exception):
    pass


class _Truncation:
    """Copies a schema down to some depth and leaves it open below; references are inlined."""

    def __init__(self, defs: Any) -> None:
        self._defs = defs if isinstance(defs, dict) else {}
        self._left = _MOST_NODES

    def schema(self, schema: Any, depth: int, hops: int = 0) -> Any:
        """Return the copy. Raises `_TooLarge`."""
        if not isinstance(schema, dict):
            return schema
        self._left -= 1
        if self._left < 0:
            raise _TooLarge
        ref = schema.get("$ref")
        if isinstance(ref, str):
            target = self._defs.get(ref.removeprefix(DEFS)) if hops < 20 else None
            siblings = {name: value for name, value in schema.items() if name != "$ref"}
            return self.schema((target if isinstance(target, dict) else {}) | siblings, depth, hops + 1)
        copied: Document = {}
        dropped = NOTES | _DROPPED_KEYWORDS | (_CHILD_KEYWORDS | {"required"} if depth <= 0 else frozenset())
        for name, value in schema.items():
            if name in dropped or (name == "additionalProperties" and "patternProperties" in schema):
                continue
            if name in ("allOf", "anyOf", "oneOf") and hops < 20:
                copied["anyOf" if name == "oneOf" else name] = self._map_subschemas(name, value, depth, hops + 1)
            elif name not in ("allOf", "anyOf", "oneOf"):
                copied[name] = self._map_subschemas(name, value, depth - 1, 0)
        return copied

    def _map_subschemas(self, name: str, value: Any, depth: int, hops: int) -> Any:
        return map_subschemas(name, value, lambda part: self.schema(part, depth, hops))


def _without_notes(schema: Any, notes: frozenset[str]) -> Any:
    if not isinstance(schema, dict):
        return schema
    return {
        name: map_subschemas(name, value, lambda part: _without_notes(part, notes))
        for name, value in schema.items()
        if name not in notes
    }


def _without_patterns(schema: Any) -> Any:
    """Return the schema without regular expressions: a client may not support them, or take too long to match them."""
    if not isinstance(schema, dict):
        return schema
    return {
        name: map_subschemas(name, value, _without_patterns)
        for name, value in schema.items()
        if name not in ("pattern", "patternProperties", "$schema")
    }
