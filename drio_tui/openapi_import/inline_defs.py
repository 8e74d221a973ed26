"""A converted schema and the definitions it refers to, put together with as few definitions as is sensible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drio_tui.tool_calls.requests import HINTS
from drio_tui.tool_calls.schemas import DEFS, IN_PLACE, NOTES, over
from drio_tui.tool_calls.token_count import compact

if TYPE_CHECKING:
    from drio_tui.openapi_import.schemas import Definition

Json = Any
Schema = dict[str, Any]

_DEEPEST = 60
_INLINE_DEEPEST = 24
_SMALL = 160


def put_together(schema: Schema, definitions: Mapping[str, Definition]) -> Schema:
    """The schema with the `$defs` it needs, of those given; a reference to any other is left open."""
    return _Assembly(schema, definitions).done()


class _Assembly:
    def __init__(self, schema: Schema, definitions: Mapping[str, Definition]) -> None:
        self._root = schema
        self._defs = {name: definition.schema for name, definition in definitions.items()}
        self._round = _rounds({name: definition.refs for name, definition in definitions.items()})
        self._uses: dict[str, int] = {}
        for names in (names_in(schema), *(definition.refs for definition in definitions.values())):
            for name in names:
                self._uses[name] = self._uses.get(name, 0) + 1
        if any(definitions[name].in_place for name in self._round):
            self._break_loops()

    def done(self) -> Schema:
        result = self._inlined(self._unrolled(self._root), 0)
        if not isinstance(result, dict):
            return {"not": {}} if result is False else {}
        kept: dict[str, Json] = {}
        waiting = names_in(result)
        while waiting:
            name = waiting.pop(0)
            if name not in kept:
                kept[name] = self._inlined(self._defs[name], 0)
                waiting += names_in(kept[name])
        return result | {"$defs": kept} if kept else result

    def _unrolled(self, schema: Schema) -> Schema:
        """A schema that is only a reference, as what it refers to: clients look at the outermost `type`."""
        for _ in range(10):
            ref = schema.get("$ref")
            target = self._defs.get(ref.removeprefix(DEFS)) if isinstance(ref, str) else None
            if not isinstance(target, dict):
                return schema
            schema = _beside(target, {name: value for name, value in schema.items() if name != "$ref"})
        return schema

    def _inlined(self, schema: Json, level: int) -> Json:
        if not isinstance(schema, dict):
            return schema
        result = {
            name: over(name, value, lambda part: self._inlined(part, level + 1)) for name, value in schema.items()
        }
        ref = schema.get("$ref")
        if not isinstance(ref, str):
            return result
        name = ref.removeprefix(DEFS)
        if name not in self._defs:
            del result["$ref"]
            return result
        target = self._defs[name]
        if name in self._round or level > _INLINE_DEEPEST:
            return result
        if self._uses.get(name) != 1 and not (isinstance(target, bool) or _is_small(target)):
            return result
        del result["$ref"]
        return _beside(self._inlined(target, level + 1), result)

    def _break_loops(self) -> None:
        """Open every reference by which a value would have to fit a definition only if it fits it."""
        state: dict[str, int] = {}

        def visit(name: str, depth: int) -> None:
            state[name] = 1
            self._defs[name] = cut(self._defs[name], depth)
            state[name] = 2

        def cut(schema: Json, depth: int) -> Json:
            if not isinstance(schema, dict):
                return schema
            result = dict(schema)
            ref = schema.get("$ref")
            if isinstance(ref, str):
                inner = ref.removeprefix(DEFS)
                if state.get(inner) == 1 or depth > _DEEPEST:
                    del result["$ref"]
                elif inner not in state and inner in self._defs:
                    visit(inner, depth + 1)
            for keyword in IN_PLACE:
                if keyword in schema:
                    result[keyword] = over(keyword, schema[keyword], lambda part: cut(part, depth + 1))
            return result

        for name in list(self._defs):
            if name in self._round and name not in state:
                visit(name, 0)


def _rounds(refs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The names that lead back to themselves (Tarjan's strongly connected components, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: set[str] = set()
    for start in refs:
        if start in order:
            continue
        work = [(start, iter(refs[start]))]
        order[start] = low[start] = len(order)
        stack.append(start)
        on_stack.add(start)
        while work:
            name, following = work[-1]
            for inner in following:
                if inner not in refs:
                    continue
                if inner not in order:
                    order[inner] = low[inner] = len(order)
                    stack.append(inner)
                    on_stack.add(inner)
                    work.append((inner, iter(refs[inner])))
                    break
                if inner in on_stack:
                    low[name] = min(low[name], order[inner])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == order[name]:
                    part = stack[stack.index(name) :]
                    del stack[len(stack) - len(part) :]
                    on_stack.difference_update(part)
                    if len(part) > 1 or name in refs[name]:
                        found.update(part)
    return found


def _beside(target: Json, rest: Schema) -> Json:
    if not rest or target is False:
        return target
    if not isinstance(target, dict):
        return rest
    if rest.keys() <= NOTES or not (rest.keys() - HINTS - NOTES):
        return target | rest
    return {"allOf": [target]} | rest


def names_in(schema: Json) -> list[str]:
    """The definitions that a schema refers to, as often as it does."""
    found: list[str] = []
    waiting = [schema]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, dict):
            continue
        ref = current.get("$ref")
        if isinstance(ref, str) and ref.startswith(DEFS):
            found.append(ref.removeprefix(DEFS))
        for name, value in current.items():
            if name != "$defs":
                over(name, value, waiting.append)
    return found


def _is_small(schema: Schema) -> bool:
    return "properties" not in schema and not names_in(schema) and len(compact(schema)) <= _SMALL
