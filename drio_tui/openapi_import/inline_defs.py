"""Combines a converted schema with the definitions it refers to, and inlines those that are short or used once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drio_tui.tool_calls.requests import HINTS
from drio_tui.tool_calls.schemas import DEFS, IN_PLACE, NOTES, Json, Schema, map_subschemas
from drio_tui.tool_calls.token_count import compact

_MAX_DEPTH = 60
_MAX_INLINE_DEPTH = 24
_SMALL_SIZE = 160


@dataclass(slots=True)
class Definition:
    """A converted schema that others refer to. `refs` are the names it refers to, with repetitions."""

    schema: Json
    refs: tuple[str, ...] = ()
    size: int = 1
    notes: tuple[str, ...] = ()
    in_place: bool = False
    """Whether the same value is validated against another definition too (`allOf` and the like, or a reference)."""


def inline_definitions(schema: Schema, definitions: Mapping[str, Definition]) -> Schema:
    """Return the schema with the `$defs` it needs; references to definitions that are not given are removed."""
    return _Inliner(schema, definitions).result()


class _Inliner:
    def __init__(self, schema: Schema, definitions: Mapping[str, Definition]) -> None:
        self._root = schema
        self._defs = {name: definition.schema for name, definition in definitions.items()}
        self._recursive = _recursive_names({name: definition.refs for name, definition in definitions.items()})
        self._uses: dict[str, int] = {}
        for names in (names_in(schema), *(definition.refs for definition in definitions.values())):
            for name in names:
                self._uses[name] = self._uses.get(name, 0) + 1
        if any(definitions[name].in_place for name in self._recursive):
            self._break_loops()

    def result(self) -> Schema:
        result = self._inlined(self._resolved(self._root), 0)
        if not isinstance(result, dict):
            return {"not": {}} if result is False else {}
        defs: dict[str, Json] = {}
        pending = names_in(result)
        while pending:
            name = pending.pop(0)
            if name not in defs:
                defs[name] = self._inlined(self._defs[name], 0)
                pending += names_in(defs[name])
        return result | {"$defs": defs} if defs else result

    def _resolved(self, schema: Schema) -> Schema:
        """Return the target of a schema that is only a reference, because AI clients read the outermost `type`."""
        for _ in range(10):
            ref = schema.get("$ref")
            target = self._defs.get(ref.removeprefix(DEFS)) if isinstance(ref, str) else None
            if not isinstance(target, dict):
                return schema
            schema = _combined(target, {name: value for name, value in schema.items() if name != "$ref"})
        return schema

    def _inlined(self, schema: Json, level: int) -> Json:
        if not isinstance(schema, dict):
            return schema
        result = {
            name: map_subschemas(name, value, lambda part: self._inlined(part, level + 1))
            for name, value in schema.items()
        }
        ref = schema.get("$ref")
        if not isinstance(ref, str):
            return result
        name = ref.removeprefix(DEFS)
        if name not in self._defs:
            del result["$ref"]
            return result
        target = self._defs[name]
        if name in self._recursive or level > _MAX_INLINE_DEPTH:
            return result
        if self._uses.get(name) != 1 and not (isinstance(target, bool) or _is_small(target)):
            return result
        del result["$ref"]
        return _combined(self._inlined(target, level + 1), result)

    def _break_loops(self) -> None:
        """Remove references by which a definition's validity would depend on itself for the same value."""
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
                if state.get(inner) == 1 or depth > _MAX_DEPTH:
                    del result["$ref"]
                elif inner not in state and inner in self._defs:
                    visit(inner, depth + 1)
            for keyword in IN_PLACE:
                if keyword in schema:
                    result[keyword] = map_subschemas(keyword, schema[keyword], lambda part: cut(part, depth + 1))
            return result

        for name in list(self._defs):
            if name in self._recursive and name not in state:
                visit(name, 0)


def _recursive_names(refs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the names that refer to themselves, also indirectly (Tarjan's algorithm, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    recursive: set[str] = set()
    for start in refs:
        if start in order:
            continue
        work = [(start, iter(refs[start]))]
        order[start] = low[start] = len(order)
        stack.append(start)
        on_stack.add(start)
        while work:
            name, successors = work[-1]
            for successor in successors:
                if successor not in refs:
                    continue
                if successor not in order:
                    order[successor] = low[successor] = len(order)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(refs[successor])))
                    break
                if successor in on_stack:
                    low[name] = min(low[name], order[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == order[name]:
                    component = stack[stack.index(name) :]
                    del stack[len(stack) - len(component) :]
                    on_stack.difference_update(component)
                    if len(component) > 1 or name in refs[name]:
                        recursive.update(component)
    return recursive


def _combined(target: Json, rest: Schema) -> Json:
    if not rest or target is False:
        return target
    if not isinstance(target, dict):
        return rest
    if rest.keys() <= NOTES or not (rest.keys() - HINTS - NOTES):
        return target | rest
    return {"allOf": [target]} | rest


def names_in(schema: Json) -> list[str]:
    """Return the names of the definitions that a schema refers to, with repetitions."""
    names: list[str] = []
    pending = [schema]
    while pending:
        current = pending.pop()
        if not isinstance(current, dict):
            continue
        ref = current.get("$ref")
        if isinstance(ref, str) and ref.startswith(DEFS):
            names.append(ref.removeprefix(DEFS))
        for name, value in current.items():
            if name != "$defs":
                map_subschemas(name, value, pending.append)
    return names


def _is_small(schema: Schema) -> bool:
    return "properties" not in schema and not names_in(schema) and len(compact(schema)) <= _SMALL_SIZE
