"""What a tool gives: the output schema that clients get, and the result made of an upstream's answer.

An upstream may answer otherwise than its description says: `null` where none is declared, a number as text, nothing
at all. That is no failure of the call. The result then carries the data as they came, with a note; and since clients
refuse a result that does not fit its tool's output schema, the schema that is published allows any other object
beside the one described.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drio_tui.text import count_of, one_line
from drio_tui.tool_calls.response import as_text
from drio_tui.tool_calls.schemas import DEFS, NOTES, all_within, over
from drio_tui.tool_calls.token_count import size

if TYPE_CHECKING:
    from drio_tui.tool_calls.fetch import Answer

Document = dict[str, Any]

LARGEST = 8_000
"""Bytes of JSON that an output schema may have: some 2,000 tokens, with every tool, in every conversation."""
NOTE_META = "drio/note"
"""In a result's `_meta`: how the answer differs from what the operation's output schema says."""

_OTHER = {"description": "An answer that is not as documented."}
_DEEPEST = 8
_MOST_NODES = 2_000
_DROPPED = frozenset({
    "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems",
    "propertyNames", "patternProperties", "contains", "minContains", "maxContains", "$defs", "pattern",
})  # fmt: skip
"""What a schema with open parts may not say, since it would refuse what the whole one takes, and patterns."""
_INSIDE = frozenset({"properties", "items", "prefixItems", "additionalProperties"})
_ANCHORS = frozenset({"$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef"})


def declares_no_object(schema: Any) -> bool:
    """Whether an output schema says that results are no objects, so that they are wrapped in `{"result": …}`."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return isinstance(kind, str) and kind != "object"


def bounded(schema: Document) -> tuple[Document | None, str]:
    """The schema in at most `LARGEST` bytes, None where it cannot be, and the end of a sentence about what is lost."""
    if size(schema) <= LARGEST:
        return schema, ""
    plain = _without_notes(schema, frozenset({"examples", "default"}))
    if size(plain) > LARGEST:
        plain = _without_notes(plain, NOTES)
    if size(plain) <= LARGEST:
        return plain, "its descriptions and examples are left out"
    for depth in range(_DEEPEST, 0, -1):
        try:
            cut = _Cut(schema.get("$defs")).schema(schema, depth)
        except _TooLarge:
            continue
        if size(cut) <= LARGEST:
            return cut, f"what lies deeper than {count_of(depth, 'level')} is left open"
    return None, "it is left out"


def published(schema: Any) -> Document | None:
    """The output schema that clients get for an operation's, None where there is none to rely on.

    It is of an object, as MCP wants it, and every result made by `result_of` fits it.
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
    known = {DEFS + name.replace("~", "~0").replace("/", "~1") for name in defs or ()}
    for _, part in all_within({"anyOf": [described], "$defs": defs or {}}):
        if part.keys() & _ANCHORS or ("$ref" in part and part["$ref"] not in known):
            return None  # it would not mean the same, or nothing, where it is put
    if declares_no_object(schema):
        open_ended: Document = {"properties": {"result": {"anyOf": [described, _OTHER]}}, "required": ["result"]}
    else:
        # Without the type, which holds anyway, the MCP Inspector warns of a schema that says nothing.
        open_ended = {"anyOf": [described, {"type": "object"} | _OTHER]}
    dialect = {"$schema": schema["$schema"]} if "$schema" in schema else {}
    return dialect | {"type": "object"} | open_ended | ({"$defs": defs} if defs else {})


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a successful call: `text` for models, `structured` an object for programs.

    `value` is what a widget's mappings look into. `note` is a sentence about how the answer differs from what is
    documented, empty where it does not.
    """

    value: Any
    structured: Document
    text: str
    note: str = ""


def result_of(answer: Answer, value: Any, is_json: bool, schema: Any, problems: Callable[[Any], list[str]]) -> Result:
    """The result that an answer of 2xx makes.

    `value` and `is_json` are what `response.read` gave, `schema` is the operation's output schema, `problems` tells
    what of a value is not as that says.
    """
    if not answer.body:
        value = {"status": answer.status}
        text, wrong = as_text(value), ["it is empty"]
    elif value is None and not is_json:
        kind = one_line(answer.content_type or "an unknown kind", 60)
        text = f"The upstream answered {answer.status} with {len(answer.body)} bytes of {kind}, which are not shown."
        value = {"status": answer.status, "contentType": answer.content_type, "bytes": len(answer.body)}
        wrong = [f"it is {kind}"]
    else:
        text = as_text(value) if is_json else str(value)
        wrong = problems(value)
    structured = value if isinstance(value, dict) and not declares_no_object(schema) else {"result": value}
    note = ""
    if isinstance(schema, dict) and wrong:
        note = f"The answer is not as the operation's outputSchema says: {'; '.join(wrong[:3])}."
    return Result(value, structured, text, note)


class _TooLarge(Exception):
    pass


class _Cut:
    """A copy of a schema that is open from some depth on, references put in place."""

    def __init__(self, defs: Any) -> None:
        self._defs = defs if isinstance(defs, dict) else {}
        self._left = _MOST_NODES

    def schema(self, schema: Any, depth: int, hops: int = 0) -> Any:
        """The copy. Raises `_TooLarge`."""
        if not isinstance(schema, dict):
            return schema
        self._left -= 1
        if self._left < 0:
            raise _TooLarge
        ref = schema.get("$ref")
        if isinstance(ref, str):
            target = self._defs.get(ref.removeprefix(DEFS)) if hops < 20 else None
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            return self.schema((target if isinstance(target, dict) else {}) | beside, depth, hops + 1)
        made: Document = {}
        dropped = NOTES | _DROPPED | (_INSIDE | {"required"} if depth <= 0 else frozenset())
        for name, value in schema.items():
            if name in dropped or (name == "additionalProperties" and "patternProperties" in schema):
                continue
            if name in ("allOf", "anyOf", "oneOf") and hops < 20:
                made["anyOf" if name == "oneOf" else name] = self._over(name, value, depth, hops + 1)
            elif name not in ("allOf", "anyOf", "oneOf"):
                made[name] = self._over(name, value, depth - 1, 0)
        return made

    def _over(self, name: str, value: Any, depth: int, hops: int) -> Any:
        return over(name, value, lambda part: self.schema(part, depth, hops))


def _without_notes(schema: Any, notes: frozenset[str]) -> Any:
    if not isinstance(schema, dict):
        return schema
    return {
        name: over(name, value, lambda part: _without_notes(part, notes))
        for name, value in schema.items()
        if name not in notes
    }


def _without_patterns(schema: Any) -> Any:
    """The schema without regular expressions: a client may not be able to read them, or need too long for them."""
    if not isinstance(schema, dict):
        return schema
    return {
        name: over(name, value, _without_patterns)
        for name, value in schema.items()
        if name not in ("pattern", "patternProperties", "$schema")
    }
