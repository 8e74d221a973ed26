"""The parameters and the body of an operation as one object of arguments, with the hints of where each goes.

The hints are those of a tool's call: `x-in` (path, query, header, body), `x-name` where the name there is
another one, `x-whole` where the argument is the whole body. What a call cannot send as the document wants it
(lists with commas, objects in brackets) is asked for in the form in which it can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drio_tui.calls.cost import compact
from drio_tui.calls.requests import OWN_HEADERS, PLACES
from drio_tui.importing.references import Lost, References
from drio_tui.importing.schemas import Converter, Schema
from drio_tui.importing.tidy import ARGUMENT_MAX, argument_of, shortened

MOST = 300
_BRACES = re.compile(r"\{([^{}]*)\}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPLIT_MOST = 100
_LONGEST_DESCRIPTION = 1_000
_SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|", "label": ",", "matrix": ","}
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""A document may list them, and they mean nothing there (OpenAPI 3.1, Parameter Object)."""


@dataclass(slots=True)
class Argument:
    """One argument: where it goes and under which name, and its schema without hints."""

    where: str
    called: str
    schema: Schema
    required: bool
    whole: bool = False


@dataclass(slots=True)
class Arguments:
    """What an operation is called with. `path` is its path as it has to be sent, `obstacle` why it cannot be."""

    path: str
    found: list[Argument] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    obstacle: str = ""

    def schema(self) -> Schema:
        """The input schema, its `$defs` not in it yet."""
        properties: Schema = {}
        required: list[str] = []
        for argument in sorted(self.found, key=lambda one: PLACES.index(one.where)):
            name = _free(argument, properties)
            hints: Schema = {"x-in": argument.where}
            if name != argument.called and not argument.whole:
                hints["x-name"] = argument.called
            if argument.whole:
                hints["x-whole"] = True
            properties[name] = argument.schema | hints
            if argument.required:
                required.append(name)
        schema: Schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return schema | {"additionalProperties": False}


def arguments(
    path: str, item: dict[str, Any], operation: dict[str, Any], references: References, converter: Converter
) -> Arguments:
    """The arguments of an operation; `converter` gets the schemas."""
    made = _Reader(path, references, converter)
    made.parameters(item, operation)
    made.body(operation.get("requestBody"))
    made.check_path()
    return made.result


class _Reader:
    def __init__(self, path: str, references: References, converter: Converter) -> None:
        self.result = Arguments(path)
        self._references = references
        self._converter = converter

    def _note(self, text: str) -> None:
        self.result.notes[text] = None

    def _block(self, text: str) -> None:
        self.result.obstacle = self.result.obstacle or text

    # --- parameters ------------------------------------------------------------------------------

    def parameters(self, item: dict[str, Any], operation: dict[str, Any]) -> None:
        """Those of the path item, then those of the operation, which win."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for listed in (item.get("parameters"), operation.get("parameters")):
            for parameter in listed[:MOST] if isinstance(listed, list) else ():
                try:
                    parameter = self._references.follow(parameter)
                except Lost as lost:
                    self._note(f"A parameter {lost}: it is left out.")
                    continue
                name, where = (parameter.get("name"), parameter.get("in")) if isinstance(parameter, dict) else ("", "")
                if isinstance(name, str) and name and isinstance(where, str):
                    found[where, name] = parameter
                else:
                    self._note("A parameter has no name or no place: it is left out.")
        in_path = list(dict.fromkeys(_BRACES.findall(self.result.path)))
        for (where, name), parameter in found.items():
            if where == "path" and name not in in_path:
                self._note(f"The parameter {name} is not part of the path: it is left out.")
            else:
                self._parameter(where, name, parameter)
        for name in in_path:
            if ("path", name) not in found and name:
                self._add("path", name, {"type": "string"}, True)

    def _parameter(self, where: str, name: str, parameter: dict[str, Any]) -> None:
        required = parameter.get("required") is True or where == "path"
        if where == "cookie":
            self._left_out(name, required, "is sent as a cookie, and drio sends none")
        elif where == "header" and name.lower() in _IGNORED_HEADERS:
            pass
        elif where == "header" and (not _TOKEN.fullmatch(name) or name.lower() in OWN_HEADERS):
            self._left_out(name, required, "is a header that drio sets itself or cannot send")
        elif where not in ("path", "query", "header") or (_CONTROL.search(name)):
            self._left_out(name, required, f"goes to {where[:20]!r}, where nothing can be sent")
        else:
            self._sendable(where, name, parameter, required)

    def _left_out(self, name: str, required: bool, why: str) -> None:
        if required:
            self._block(f"Its parameter {name[:80]} {why}.")
        else:
            self._note(f"The parameter {name[:80]} {why}: it is left out.")

    def _sendable(self, where: str, name: str, parameter: dict[str, Any], required: bool) -> None:
        content = parameter.get("content")
        media = next(iter(content.values()), None) if isinstance(content, dict) else None
        as_json = isinstance(media, dict)
        schema = self._converter.convert((media or {}).get("schema", {}) if as_json else parameter.get("schema", {}))
        schema = _told(schema, parameter, media)
        kinds = self._kinds(schema)
        if as_json:
            if kinds & {"array"} or where != "query":
                schema = _text(schema, "JSON text")
            self._add(where, name, schema, required)
            return
        style = parameter.get("style") or ("form" if where == "query" else "simple")
        explode = parameter.get("explode")
        explode = style == "form" if not isinstance(explode, bool) else explode
        if where == "path" and style in ("label", "matrix"):
            self._prefix(name, style)
        if "object" in kinds and "string" not in kinds:
            self._object(where, name, schema, required, str(style), explode)
        elif "array" in kinds and where != "header" and not (where == "query" and style == "form" and explode):
            separator = _SEPARATORS.get(str(style), ",")
            self._add(
                where, name, _text(schema, f"several with {_NAMED[separator]} between them", items=True), required
            )
        else:
            self._add(where, name, schema, required)

    def _object(self, where: str, name: str, schema: Schema, required: bool, style: str, explode: bool) -> None:
        """A parameter that is an object: its members are parameters of their own, as far as they are known."""
        deep = style == "deepObject"
        shape = self._converter.shape(schema) if where == "query" and (deep or explode) else None
        if not shape or not shape["properties"]:
            self._note(f"The parameter {name[:80]} is an object, which is sent as JSON.")
            self._add(where, name, _text(schema, "JSON text") if where != "query" else schema, required)
            return
        for member, part in shape["properties"].items():
            if _CONTROL.search(member):
                continue
            called = f"{name}[{member}]" if deep else member
            self._add(where, called, part, required and member in shape["required"])

    def _prefix(self, name: str, style: str) -> None:
        mark = "." if style == "label" else f";{name}="
        self.result.path = self.result.path.replace(f"{{{name}}}", f"{mark}{{{name}}}", 1)

    def _kinds(self, schema: Any) -> set[str]:
        for _ in range(20):
            if not isinstance(schema, dict):
                return set()
            kind = schema.get("type")
            if kind is not None:
                return {kind} if isinstance(kind, str) else set(kind)
            if not isinstance(schema.get("$ref"), str):
                return {"object"} if "properties" in schema else {"array"} if "items" in schema else set()
            schema = self._converter.target(schema)
        return set()

    def _add(self, where: str, called: str, schema: Any, required: bool, *, whole: bool = False) -> None:
        if len(self.result.found) >= MOST:
            self._note(f"It has more than {MOST} parameters: the rest is left out.")
            return
        schema = schema if isinstance(schema, dict) else {"not": {}} if schema is False else {}
        self.result.found.append(Argument(where, called, schema, required, whole))

    # --- the body --------------------------------------------------------------------------------

    def body(self, body: Any) -> None:
        """The body's members as arguments, or the body as one where its schema does not list them."""
        if body is None:
            return
        try:
            body = self._references.follow(body)
        except Lost as lost:
            self._block(f"Its body {lost}.")
            return
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, dict) or not content:
            return
        required = body.get("required") is True
        media = json_of(content)
        if media is None:
            kinds = ", ".join(str(kind)[:60] for kind in list(content)[:3])
            if required:
                self._block(f"Its body is {kinds}, and drio sends JSON only.")
            else:
                self._note(f"The body is {kinds}, and drio sends JSON only: it is left out.")
            return
        schema = self._converter.convert(media.get("schema", {}))
        examples = list(_examples(media))
        shape = self._converter.shape(schema)
        if (
            shape
            and 0 < len(shape["properties"]) <= _SPLIT_MOST
            and (required or not shape["required"])
            and len(self.result.found) + len(shape["properties"]) <= MOST
        ):
            for name, part in shape["properties"].items():
                told = [one[name] for one in examples if isinstance(one, dict) and name in one]
                self._add("body", name, _exemplified(part, told), name in shape["required"])
            return
        about = body.get("description")
        schema = _exemplified(schema, examples)
        if isinstance(about, str) and about.strip() and isinstance(schema, dict):
            schema = schema | {"description": shortened(about, _LONGEST_DESCRIPTION)}
        self._add("body", "body", schema, required, whole=True)

    # --- the path --------------------------------------------------------------------------------

    def check_path(self) -> None:
        """Make the path one that can be sent, or say why it cannot."""
        path, mark, _ = self.result.path.partition("#")
        if mark:
            self._note("What follows # in its path is not sent.")
        if not path.startswith("/"):
            path = f"/{path}"
        path = path.replace(" ", "%20")
        self.result.path = path
        rest = _BRACES.sub("", path)
        segments = path.partition("?")[0].replace("%2e", ".").replace("%2E", ".").split("/")
        if "{" in rest or "}" in rest or "" in _BRACES.findall(path):
            self._block("Its path has braces that name no parameter.")
        elif re.search(r"[\s\\]", path) or _CONTROL.search(path):
            self._block("Its path holds characters that cannot be sent.")
        elif any(segment in (".", "..") for segment in segments):
            self._block("Its path has . or .. as a segment, which is not sent.")
        elif len(path) > 2_000:
            self._block("Its path is longer than 2,000 characters.")


_NAMED = {",": "commas", " ": "spaces", "|": "bars"}


def json_of(content: dict[str, Any]) -> dict[str, Any] | None:
    """The media type that is JSON, of those in a `content` object; None when there is none."""
    found: dict[str, Any] | None = None
    for kind, media in content.items():
        name = str(kind).partition(";")[0].strip().lower()
        if not isinstance(media, dict):
            continue
        if name == "application/json":
            return media
        if found is None and (name.endswith("+json") or name in ("*/*", "application/*", "text/json")):
            found = media
    return found


def _told(schema: Any, parameter: dict[str, Any], media: Any) -> Any:
    """The schema with what the parameter itself tells."""
    if not isinstance(schema, dict):
        return schema
    told: Schema = {}
    about = parameter.get("description")
    if isinstance(about, str) and about.strip():
        told["description"] = shortened(about, _LONGEST_DESCRIPTION)
    if parameter.get("deprecated") is True:
        told["deprecated"] = True
    return _exemplified(schema | told, [*_examples(parameter), *_examples(media)])


def _examples(holder: Any) -> Iterator[Any]:
    if not isinstance(holder, dict):
        return
    if "example" in holder:
        yield holder["example"]
    listed = holder.get("examples")
    for one in list(listed.values())[:5] if isinstance(listed, dict) else ():
        if isinstance(one, dict) and "value" in one:
            yield one["value"]


def _exemplified(schema: Any, examples: list[Any]) -> Any:
    kept = [one for one in examples[:3] if len(compact(one)) <= 1_000]
    if not kept or not isinstance(schema, dict) or "examples" in schema:
        return schema
    return schema | {"examples": kept}


def _text(schema: Schema, how: str, *, items: bool = False) -> Schema:
    """A text in place of what cannot be sent as it is, saying what to write."""
    about = schema.get("description", "")
    inner = schema.get("items")
    allowed = inner.get("enum") if items and isinstance(inner, dict) else None
    words = f" Each one of: {', '.join(map(str, allowed))}." if isinstance(allowed, list) and len(allowed) <= 50 else ""
    told = f"{about} " if about else ""
    return {"type": "string", "description": f"{told}({how[0].upper()}{how[1:]}.){words}"}


def _free(argument: Argument, taken: Schema) -> str:
    """A name for an argument that is none of those taken: with its place before it, then with a number."""
    name = argument_of(argument.called)
    if name not in taken:
        return name
    placed = f"{argument.where}_{name}"[:ARGUMENT_MAX]
    made, number = placed, 2
    while made in taken:
        tail = f"_{number}"
        made = placed[: ARGUMENT_MAX - len(tail)] + tail
        number += 1
    return made
