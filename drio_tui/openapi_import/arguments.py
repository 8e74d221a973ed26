"""The parameters and the body of an operation as one object of arguments, with hints that say where each is sent.

The hints are schema extensions read by `drio_tui.tool_calls.requests`: `x-in`, `x-name`, `x-whole`, `x-style` and
`x-explode` of an argument; `x-content-type`, `x-encoding` and `x-accept` of the whole schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from drio_tui.naming import unused
from drio_tui.openapi_import.media_types import accept_header, sendable
from drio_tui.openapi_import.names import ARGUMENT_MAX, argument_of, shortened
from drio_tui.openapi_import.normalising import fitting, kinds_of
from drio_tui.openapi_import.references import References, UnresolvedReference
from drio_tui.openapi_import.schemas import Converter
from drio_tui.tool_calls.requests import JSON, OWN_HEADERS, PLACES, content_kind, path_mistakes
from drio_tui.tool_calls.schemas import Schema
from drio_tui.tool_calls.styles import STYLES
from drio_tui.tool_calls.token_count import compact

MOST = 300
"""The maximum number of arguments of an operation."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TEMPLATE = re.compile(
    r"(?P<before>[+*]*)(?P<name>[^:=?*+&./;#,|{}][^:=?*+&/;#,|{}]*)(?P<after>[?*]*)(?:[:=](?P<pattern>.*))?", re.DOTALL
)
"""`{+name}` and `{name*}` (RFC 6570), `{name:pattern}`, `{name:type}` and `{name?}` (web frameworks),
`{name=pattern}` (google.api.http).
"""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.~-]+")
_SPLIT_MOST = 100
_LONGEST_DESCRIPTION = 1_000
_DEFAULT_STYLES = {"path": "simple", "query": "form", "header": "simple"}
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""Parameters with these names are ignored (OpenAPI 3.1, Parameter Object)."""


@dataclass(slots=True)
class Argument:
    """One argument: its location (`x-in`) and name in the request, its schema, and its other hints."""

    where: str
    name: str
    schema: Schema
    required: bool
    hints: Schema = field(default_factory=dict)


@dataclass(slots=True)
class Arguments:
    """The arguments of an operation.

    `path` is its path with plain `{names}`, `obstacle` the reason why it cannot be sent, or empty; `hints` are those of
    the whole schema.
    """

    path: str
    arguments: list[Argument] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    obstacle: str = ""
    hints: Schema = field(default_factory=dict)

    def schema(self) -> Schema:
        """Return the input schema, without its `$defs`."""
        properties: Schema = {}
        required: list[str] = []
        for argument in sorted(self.arguments, key=lambda argument: PLACES.index(argument.where)):
            name = _unique_name(argument, properties)
            hints: Schema = {"x-in": argument.where}
            if name != argument.name and "x-whole" not in argument.hints:
                hints["x-name"] = argument.name
            properties[name] = argument.schema | hints | argument.hints
            if argument.required:
                required.append(name)
        schema: Schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return schema | {"additionalProperties": False} | self.hints


def arguments(
    method: str,
    path: str,
    item: dict[str, Any],
    operation: dict[str, Any],
    references: References,
    converter: Converter,
) -> Arguments:
    """Return the arguments of an operation; `converter` converts the schemas and collects their definitions."""
    reader = _ArgumentReader(path, references, converter)
    reader.parameters(item, operation)
    reader.body(method, operation.get("requestBody"))
    reader.accepted(operation.get("responses"))
    reader.check_path()
    return reader.result


class _ArgumentReader:
    def __init__(self, path: str, references: References, converter: Converter) -> None:
        self.result = Arguments(path)
        self._path_names: dict[str, str] = {}
        """The name that each parameter has in the converted path."""
        self._references = references
        self._converter = converter

    def _note(self, text: str) -> None:
        self.result.notes[text] = None

    def _block(self, text: str) -> None:
        self.result.obstacle = self.result.obstacle or text

    # --- parameters ------------------------------------------------------------------------------

    def parameters(self, item: dict[str, Any], operation: dict[str, Any]) -> None:
        """Add the parameters of the path item and of the operation, which override those of the path item."""
        parameters: dict[tuple[str, str], dict[str, Any]] = {}
        for listed in (item.get("parameters"), operation.get("parameters")):
            for parameter in listed[:MOST] if isinstance(listed, list) else ():
                try:
                    parameter = self._references.follow(parameter)
                except UnresolvedReference as error:
                    self._note(f"A parameter {error}: it is left out.")
                    continue
                name, where = (parameter.get("name"), parameter.get("in")) if isinstance(parameter, dict) else ("", "")
                if isinstance(name, str) and name and isinstance(where, str):
                    parameters[where, name] = parameter
                else:
                    self._note("A parameter has no name or no place: it is left out.")
        with_slashes = self._convert_templates({name for where, name in parameters if where == "path"})
        for (where, name), parameter in parameters.items():
            if where == "path" and name not in self._path_names:
                self._note(f"The parameter {name} is not part of the path: it is left out.")
            else:
                self._parameter(where, name, parameter)
        for name in self._path_names:
            if ("path", name) not in parameters:
                self._add("path", name, {"type": "string"}, True)
        for argument in self.result.arguments:
            if argument.where == "path" and argument.name in with_slashes and self._is_one_value(argument):
                argument.hints = {"x-style": "reserved"}

    def _name_in_path(self, name: str) -> str:
        """Return a name that drio accepts in a path, for a parameter name; it is not part of the request."""
        if not name or name in self._path_names:
            return self._path_names.get(name, "")
        plain = name if _PLAIN_NAME.fullmatch(name) else argument_of(name)
        unique, number = plain, 2
        while unique in self._path_names.values():
            unique, number = f"{plain}_{number}", number + 1
        self._path_names[name] = unique
        return unique

    def _is_one_value(self, argument: Argument) -> bool:
        simple = argument.hints.get("x-style", "simple") == "simple"
        return simple and not {"array", "object"} & self._kinds(argument.schema)

    def _convert_templates(self, declared: set[str]) -> set[str]:
        """Convert the path's templates to plain `{names}`; return the names whose values may contain slashes."""
        path, converted, with_slashes = self.result.path, "", set()
        position = 0
        for start, end in _brace_pairs(path):
            inner = path[start + 1 : end - 1]
            converted += _without_blanks(path[position:start])
            position = end
            match = None if inner in declared else _TEMPLATE.fullmatch(inner)
            name = match["name"].strip() if match else inner
            if match and (match["before"] or "*" in match["after"] or _matches_slashes(match["pattern"])):
                with_slashes.add(self._name_in_path(name))
            if inner and not match and inner not in declared:
                self._block(f"Its path has the template {path[start:end][:80]}, which cannot be filled.")
            converted += f"{{{self._name_in_path(name)}}}"
        self.result.path = converted + _without_blanks(path[position:])
        return with_slashes

    def _parameter(self, where: str, name: str, parameter: dict[str, Any]) -> None:
        required = parameter.get("required") is True or where == "path"
        if where == "cookie":
            self._leave_out(name, required, "is sent as a cookie, and none are sent")
        elif where == "header" and name.lower() in _IGNORED_HEADERS:
            pass
        elif where == "header" and (not _TOKEN.fullmatch(name) or name.lower() in OWN_HEADERS):
            self._leave_out(name, required, "is a header that is set automatically or cannot be sent")
        elif where not in ("path", "query", "header"):
            self._leave_out(name, required, f"goes to {where[:20]!r}, where nothing can be sent")
        elif _CONTROL.search(name):
            self._leave_out(name, required, "has control characters in its name")
        else:
            self._add_parameter(where, name, parameter, required)

    def _leave_out(self, name: str, required: bool, why: str) -> None:
        if required:
            self._block(f"Its parameter {name[:80]} {why}.")
        else:
            self._note(f"The parameter {name[:80]} {why}: it is left out.")

    def _add_parameter(self, where: str, name: str, parameter: dict[str, Any], required: bool) -> None:
        content = parameter.get("content")
        kind, media = next(iter(content.items()), ("", None)) if isinstance(content, dict) else ("", None)
        described = media if isinstance(media, dict) else parameter
        schema = self._converter.convert(described.get("schema", {}))
        schema = _with_description(schema, parameter, media)
        if where == "path":
            schema = _not_null(schema)
        if isinstance(media, dict):
            if content_kind(str(kind)) not in ("json", "text"):
                self._leave_out(name, required, f"is sent as {str(kind)[:60]}, which cannot be made")
                return
            self._add(where, name, schema, required, {"x-style": "json"} if content_kind(str(kind)) == "json" else {})
        else:
            self._add(where, name, schema, required, self._style_hints(where, name, schema, parameter))

    def _style_hints(self, where: str, name: str, schema: Schema, parameter: dict[str, Any]) -> Schema:
        """Return the hints for the parameter's style, if they change how a value of the schema is sent."""
        declared = parameter.get("style") or _DEFAULT_STYLES[where]
        explode = parameter.get("explode")
        explode = explode if isinstance(explode, bool) else declared == "form"
        style = declared if declared in STYLES[where] - {"json", "reserved"} else _DEFAULT_STYLES[where]
        if style != declared:
            self._note(f"The parameter {name[:80]} has the unknown style {str(declared)[:40]}: {style} is used.")
        kinds = self._kinds(schema)
        several = {"array", "object"} & kinds if kinds else {"array", "object"}
        if style != "deepObject" and several and self._nested(schema, objects_repeat=style == "form" and explode):
            self._note(
                f"The parameter {name[:80]} holds lists or objects within others, for which the style {style} has no "
                "form: they are sent as JSON."
            )
        if style in ("label", "matrix"):
            return {"x-style": style} | ({"x-explode": True} if explode and several else {})
        if not several or (several == {"array"} and (where == "header" or (style == "form" and explode))):
            return {}
        if style == "form" and explode and not kinds:
            return {}  # the schema does not say that it is an object
        hints: Schema = {"x-style": style}
        if style != "deepObject" and explode is not (style == "form"):
            hints["x-explode"] = explode
        return hints

    def _alternatives(self, schema: Any, seen: set[str]) -> Iterator[Schema]:
        """Yield every schema that applies to the same value, through references, `allOf`, `anyOf` and `oneOf`."""
        if not isinstance(schema, dict):
            return
        yield schema
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref not in seen:
            seen.add(ref)
            yield from self._alternatives(self._converter.target(schema), seen)
        for keyword in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(keyword, ()):
                yield from self._alternatives(part, seen)

    def _kinds(self, schema: Any) -> set[str]:
        """Return the types that a value may have; empty if the schema does not say."""
        kinds: set[str] = set()
        for part in self._alternatives(schema, set()):
            kind = part.get("type")
            if kind is not None:
                kinds |= {kind} if isinstance(kind, str) else set(kind)
            elif "properties" in part or isinstance(part.get("additionalProperties"), dict):
                kinds.add("object")
            elif "items" in part:
                kinds.add("array")
        return kinds

    def _nested(self, schema: Any, *, objects_repeat: bool) -> bool:
        """Return whether lists or objects may be nested; with `objects_repeat`, lists as properties do not count."""
        for part in self._alternatives(schema, set()):
            if {"array", "object"} & self._kinds(part.get("items")):
                return True
            properties = [*part.get("properties", {}).values(), part.get("additionalProperties")]
            nested = {"object"} if objects_repeat else {"array", "object"}
            if any(nested & self._kinds(value) for value in properties):
                return True
        return False

    def _add(self, where: str, name: str, schema: Any, required: bool, hints: Schema | None = None) -> None:
        if len(self.result.arguments) >= MOST:
            self._note(f"It has more than {MOST} parameters: the rest is left out.")
            return
        schema = schema if isinstance(schema, dict) else {"not": {}} if schema is False else {}
        name = self._path_names.get(name, name) if where == "path" else name
        self.result.arguments.append(Argument(where, name, schema, required, hints or {}))

    # --- the body --------------------------------------------------------------------------------

    def body(self, method: str, body: Any) -> None:
        """Add the body's properties as arguments, or the whole body as one if its schema does not list them."""
        if body is None:
            return
        try:
            body = self._references.follow(body)
        except UnresolvedReference as error:
            self._block(f"Its body {error}.")
            return
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, dict) or not content:
            return
        required = body.get("required") is True
        media_type, media = sendable(content)
        if media is None:
            declared = ", ".join(str(kind)[:60] for kind in list(content)[:3])
            problem = f"is {declared}, and only JSON, forms and text can be sent"
            if method in ("GET", "HEAD") and not required:  # it has no meaning there (RFC 9110 section 9.3.1)
                self._note(f"The body {problem}: it is left out.")
            else:
                self._block(f"Its body {problem}.")
            return
        if media_type != JSON:
            self.result.hints["x-content-type"] = media_type
        schema = self._converter.convert(media.get("schema", {}))
        match content_kind(media_type):
            case "text":
                self._text_body(media_type, schema, body, media, required)
            case "form":
                self._encoding(media.get("encoding"))
                kinds = self._kinds(schema)
                if kinds and "object" not in kinds:
                    self._block("Its body is a form, and its schema is not that of an object.")
                self._body_properties(schema if kinds else {"type": "object"}, body, media, required)
            case _:
                self._body_properties(schema, body, media, required)

    def _text_body(self, media_type: str, schema: Any, body: Schema, media: Schema, required: bool) -> None:
        kinds = self._kinds(schema)
        if kinds & {"array", "object"}:
            self._block(f"Its body is an object or a list as {media_type[:60]}, and drio makes JSON and forms of them.")
        self._whole_body(schema if kinds else {"type": "string"}, body, media, required)

    def _encoding(self, encoding: Any) -> None:
        """Add the styles of a form's properties (Encoding Object)."""
        styles: Schema = {}
        for name, value in encoding.items() if isinstance(encoding, dict) else ():
            if not isinstance(value, dict):
                continue
            if "style" in value or "explode" in value:
                style = value.get("style", "form")
                style = style if style in STYLES["query"] - {"json"} else "form"
                explode = value.get("explode")
                styles[name] = {"style": style} | ({"explode": explode} if isinstance(explode, bool) else {})
            elif isinstance(value.get("contentType"), str):
                content_type = value["contentType"]
                kinds = {content_kind(kind) for kind in content_type.split(",")}
                if "json" in kinds:
                    styles[name] = {"style": "json"}
                elif "text" not in kinds:
                    self._note(f"The property {name[:80]} of its form is {content_type[:60]}: it is sent as text.")
        if styles:
            self.result.hints["x-encoding"] = styles

    def _body_properties(self, schema: Any, body: Schema, media: Schema, required: bool) -> None:
        shape = self._converter.shape(schema)
        if not (
            shape
            and 0 < len(shape["properties"]) <= _SPLIT_MOST
            and (required or not shape["required"])
            and len(self.result.arguments) + len(shape["properties"]) <= MOST
        ):
            self._whole_body(schema, body, media, required)
            return
        examples = list(_examples(media))
        for name, part in shape["properties"].items():
            values = [example[name] for example in examples if isinstance(example, dict) and name in example]
            self._add("body", name, _with_examples(part, values), name in shape["required"])

    def _whole_body(self, schema: Any, body: Schema, media: Schema, required: bool) -> None:
        description = body.get("description")
        schema = _with_examples(schema, list(_examples(media)))
        if isinstance(description, str) and description.strip() and isinstance(schema, dict):
            schema = schema | {"description": shortened(description, _LONGEST_DESCRIPTION)}
        self._add("body", "body", schema, required, {"x-whole": True})

    # --- responses and path ----------------------------------------------------------------------

    def accepted(self, responses: Any) -> None:
        """Add the `Accept` header, if it is not the default."""
        accept = accept_header(responses, self._references)
        if accept:
            self.result.hints["x-accept"] = accept

    def check_path(self) -> None:
        """Remove the fragment from the path and prefix a slash; add an obstacle for each error in it."""
        path, fragment_mark, _ = self.result.path.partition("#")
        if fragment_mark:
            self._note("What follows # in its path is not sent.")
        self.result.path = path if path.startswith("/") else f"/{path}"
        for mistake in path_mistakes(self.result.path):
            self._block(f"Its path {mistake}.")


def _brace_pairs(path: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each outermost pair of braces."""
    depth = start = 0
    for index, char in enumerate(path):
        if char == "{":
            start = index if not depth else start
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if not depth:
                yield start, index + 1


def _without_blanks(text: str) -> str:
    return re.sub(r"\s", lambda match: quote(match[0]), text)


def _matches_slashes(pattern: str | None) -> bool:
    """Return whether values that match a template's pattern may contain slashes."""
    return pattern is not None and (pattern in ("path", ".*", ".+") or "/" in pattern or "**" in pattern)


def _not_null(schema: Any) -> Any:
    """Return the schema without `null` among its types and alternatives, since a path segment cannot be null."""
    if not isinstance(schema, dict):
        return schema
    result = dict(schema)
    if isinstance(schema.get("type"), list):
        types = [kind for kind in schema["type"] if kind != "null"]
        result["type"] = types[0] if len(types) == 1 else types or "null"
    for keyword in ("anyOf", "oneOf"):
        parts = [
            part for part in schema.get(keyword, ()) if not (isinstance(part, dict) and part.get("type") == "null")
        ]
        if parts:
            result[keyword] = parts
    return result


def _with_description(schema: Any, parameter: dict[str, Any], media: Any) -> Any:
    """Return the schema with the parameter's description, its `deprecated` flag and its examples."""
    if not isinstance(schema, dict):
        return schema
    annotations: Schema = {}
    description = parameter.get("description")
    if isinstance(description, str) and description.strip():
        annotations["description"] = shortened(description, _LONGEST_DESCRIPTION)
    if parameter.get("deprecated") is True:
        annotations["deprecated"] = True
    return _with_examples(schema | annotations, [*_examples(parameter), *_examples(media)])


def _examples(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    if "example" in value:
        yield value["example"]
    listed = value.get("examples")
    for example in list(listed.values())[:5] if isinstance(listed, dict) else ():
        if isinstance(example, dict) and "value" in example:
            yield example["value"]


def _with_examples(schema: Any, examples: list[Any]) -> Any:
    if not isinstance(schema, dict) or "examples" in schema:
        return schema
    kept = [example for example in fitting(examples[:3], kinds_of(schema)) if len(compact(example)) <= 1_000]
    if not kept:
        return schema
    return schema | {"examples": kept}


def _unique_name(argument: Argument, taken: Schema) -> str:
    """Return a property name for an argument that is not taken: prefixed with its location, then with a number."""
    name = argument_of(argument.name)
    if name not in taken:
        return name
    return unused(f"{argument.where}_{name}", taken, most=ARGUMENT_MAX, mark="_")
