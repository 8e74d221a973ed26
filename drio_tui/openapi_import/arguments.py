"""The parameters and the body of an operation as one object of arguments, with the hints of where each goes.

The hints are those of `drio_tui.tool_calls.requests`: `x-in`, `x-name`, `x-whole`, `x-style` and `x-explode` of an
argument; `x-content-type`, `x-encoding` and `x-accept` of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from drio_tui.naming import unused
from drio_tui.openapi_import.names import ARGUMENT_MAX, argument_of, shortened
from drio_tui.openapi_import.normalising import fitting, kinds_of
from drio_tui.openapi_import.references import References, UnresolvedReference
from drio_tui.openapi_import.schemas import Converter, Schema
from drio_tui.tool_calls.requests import JSON, OWN_HEADERS, PLACES, content_kind, is_media_type, path_mistakes
from drio_tui.tool_calls.styles import STYLES
from drio_tui.tool_calls.token_count import compact

MOST = 300
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
"""A document may list them, and they mean nothing there (OpenAPI 3.1, Parameter Object)."""
_MOST_ACCEPTED = 8


@dataclass(slots=True)
class Argument:
    """One argument: where it goes and under which name, its schema without hints, and its hints beyond those."""

    where: str
    called: str
    schema: Schema
    required: bool
    hints: Schema = field(default_factory=dict)


@dataclass(slots=True)
class Arguments:
    """What an operation is called with. `path` is its path as it has to be sent, `obstacle` why it cannot be.

    `hints` are those at the top of the schema.
    """

    path: str
    found: list[Argument] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    obstacle: str = ""
    hints: Schema = field(default_factory=dict)

    def schema(self) -> Schema:
        """The input schema, its `$defs` not in it yet."""
        properties: Schema = {}
        required: list[str] = []
        for argument in sorted(self.found, key=lambda one: PLACES.index(one.where)):
            name = _free(argument, properties)
            hints: Schema = {"x-in": argument.where}
            if name != argument.called and "x-whole" not in argument.hints:
                hints["x-name"] = argument.called
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
    """The arguments of an operation; `converter` gets the schemas."""
    made = _Reader(path, references, converter)
    made.parameters(item, operation)
    made.body(method, operation.get("requestBody"))
    made.accepted(operation.get("responses"))
    made.check_path()
    return made.result


class _Reader:
    def __init__(self, path: str, references: References, converter: Converter) -> None:
        self.result = Arguments(path)
        self._in_path: dict[str, str] = {}
        """The name in the path of each of its parameters: what drio takes there."""
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
                except UnresolvedReference as lost:
                    self._note(f"A parameter {lost}: it is left out.")
                    continue
                name, where = (parameter.get("name"), parameter.get("in")) if isinstance(parameter, dict) else ("", "")
                if isinstance(name, str) and name and isinstance(where, str):
                    found[where, name] = parameter
                else:
                    self._note("A parameter has no name or no place: it is left out.")
        open_ones = self._templates({name for where, name in found if where == "path"})
        for (where, name), parameter in found.items():
            if where == "path" and name not in self._in_path:
                self._note(f"The parameter {name} is not part of the path: it is left out.")
            else:
                self._parameter(where, name, parameter)
        for name in self._in_path:
            if ("path", name) not in found:
                self._add("path", name, {"type": "string"}, True)
        for argument in self.result.found:
            if argument.where == "path" and argument.called in open_ones and self._is_one_value(argument):
                argument.hints = {"x-style": "reserved"}

    def _name_in_path(self, name: str) -> str:
        """A name that drio takes in a path; the upstream never sees it."""
        if not name or name in self._in_path:
            return self._in_path.get(name, "")
        plain = name if _PLAIN_NAME.fullmatch(name) else argument_of(name)
        made, number = plain, 2
        while made in self._in_path.values():
            made, number = f"{plain}_{number}", number + 1
        self._in_path[name] = made
        return made

    def _is_one_value(self, argument: Argument) -> bool:
        simple = argument.hints.get("x-style", "simple") == "simple"
        return simple and not {"array", "object"} & self._kinds(argument.schema)

    def _templates(self, declared: set[str]) -> set[str]:
        """Make the path one of plain `{names}`. Gives the names whose values may hold slashes."""
        path, found, open_ones = self.result.path, "", set()
        at = 0
        for start, end in _braced(path):
            inner = path[start + 1 : end - 1]
            found += _without_blanks(path[at:start])
            at = end
            match = None if inner in declared else _TEMPLATE.fullmatch(inner)
            name = match["name"].strip() if match else inner
            if match and (match["before"] or "*" in match["after"] or _spans(match["pattern"])):
                open_ones.add(self._name_in_path(name))
            if inner and not match and inner not in declared:
                self._block(f"Its path has the template {path[start:end][:80]}, which cannot be filled.")
            found += f"{{{self._name_in_path(name)}}}"
        self.result.path = found + _without_blanks(path[at:])
        return open_ones

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
        kind, media = next(iter(content.items()), ("", None)) if isinstance(content, dict) else ("", None)
        described = media if isinstance(media, dict) else parameter
        schema = self._converter.convert(described.get("schema", {}))
        schema = _told(schema, parameter, media)
        if where == "path":
            schema = _not_null(schema)
        if isinstance(media, dict):
            if content_kind(str(kind)) not in ("json", "text"):
                self._left_out(name, required, f"is sent as {str(kind)[:60]}, which cannot be made")
                return
            self._add(where, name, schema, required, {"x-style": "json"} if content_kind(str(kind)) == "json" else {})
        else:
            self._add(where, name, schema, required, self._styled(where, name, schema, parameter))

    def _styled(self, where: str, name: str, schema: Schema, parameter: dict[str, Any]) -> Schema:
        """The hints of the parameter's style, where a value of its schema is sent otherwise than without."""
        given = parameter.get("style") or _DEFAULT_STYLES[where]
        explode = parameter.get("explode")
        explode = explode if isinstance(explode, bool) else given == "form"
        style = given if given in STYLES[where] - {"json", "reserved"} else _DEFAULT_STYLES[where]
        if style != given:
            self._note(f"The parameter {name[:80]} has the style {str(given)[:40]}, which there is not: it is {style}.")
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
            return {}  # nothing says that it is an object
        hints: Schema = {"x-style": style}
        if style != "deepObject" and explode is not (style == "form"):
            hints["x-explode"] = explode
        return hints

    def _alternatives(self, schema: Any, seen: set[str]) -> Iterator[Schema]:
        """Every schema that says something of the same value: those of references, `allOf`, `anyOf` and `oneOf`."""
        if not isinstance(schema, dict):
            return
        yield schema
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref not in seen:
            seen.add(ref)
            yield from self._alternatives(self._converter.target(schema), seen)
        for word in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(word, ()):
                yield from self._alternatives(part, seen)

    def _kinds(self, schema: Any) -> set[str]:
        """The types that a value may have; none where nothing says."""
        found: set[str] = set()
        for part in self._alternatives(schema, set()):
            kind = part.get("type")
            if kind is not None:
                found |= {kind} if isinstance(kind, str) else set(kind)
            elif "properties" in part or isinstance(part.get("additionalProperties"), dict):
                found.add("object")
            elif "items" in part:
                found.add("array")
        return found

    def _nested(self, schema: Any, *, objects_repeat: bool) -> bool:
        """Whether a list or an object may stand within one; a list within an object does not count where it repeats."""
        for part in self._alternatives(schema, set()):
            if {"array", "object"} & self._kinds(part.get("items")):
                return True
            members = [*part.get("properties", {}).values(), part.get("additionalProperties")]
            unwanted = {"object"} if objects_repeat else {"array", "object"}
            if any(unwanted & self._kinds(member) for member in members):
                return True
        return False

    def _add(self, where: str, called: str, schema: Any, required: bool, hints: Schema | None = None) -> None:
        if len(self.result.found) >= MOST:
            self._note(f"It has more than {MOST} parameters: the rest is left out.")
            return
        schema = schema if isinstance(schema, dict) else {"not": {}} if schema is False else {}
        called = self._in_path.get(called, called) if where == "path" else called
        self.result.found.append(Argument(where, called, schema, required, hints or {}))

    # --- the body --------------------------------------------------------------------------------

    def body(self, method: str, body: Any) -> None:
        """The body's members as arguments, or the body as one where its schema does not list them."""
        if body is None:
            return
        try:
            body = self._references.follow(body)
        except UnresolvedReference as lost:
            self._block(f"Its body {lost}.")
            return
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, dict) or not content:
            return
        required = body.get("required") is True
        media_type, media = sendable(content)
        if media is None:
            declared = ", ".join(str(kind)[:60] for kind in list(content)[:3])
            problem = f"is {declared}, and drio sends JSON, forms and text only"
            if method in ("GET", "HEAD") and not required:  # it means nothing there (RFC 9110 section 9.3.1)
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
                self._members(schema if kinds else {"type": "object"}, body, media, required)
            case _:
                self._members(schema, body, media, required)

    def _text_body(self, media_type: str, schema: Any, body: Schema, media: Schema, required: bool) -> None:
        kinds = self._kinds(schema)
        if kinds & {"array", "object"}:
            self._block(f"Its body is an object or a list as {media_type[:60]}, and drio makes JSON and forms of them.")
        self._whole(schema if kinds else {"type": "string"}, body, media, required)

    def _encoding(self, encoding: Any) -> None:
        """The styles of a form's members (Encoding Object)."""
        made: Schema = {}
        for name, one in encoding.items() if isinstance(encoding, dict) else ():
            if not isinstance(one, dict):
                continue
            if "style" in one or "explode" in one:
                style = one.get("style", "form")
                style = style if style in STYLES["query"] - {"json"} else "form"
                explode = one.get("explode")
                made[name] = {"style": style} | ({"explode": explode} if isinstance(explode, bool) else {})
            elif isinstance(one.get("contentType"), str):
                kinds = {content_kind(kind) for kind in one["contentType"].split(",")}
                if "json" in kinds:
                    made[name] = {"style": "json"}
                elif "text" not in kinds:
                    self._note(f"The member {name[:80]} of its form is {one['contentType'][:60]}: it is sent as text.")
        if made:
            self.result.hints["x-encoding"] = made

    def _members(self, schema: Any, body: Schema, media: Schema, required: bool) -> None:
        shape = self._converter.shape(schema)
        if not (
            shape
            and 0 < len(shape["properties"]) <= _SPLIT_MOST
            and (required or not shape["required"])
            and len(self.result.found) + len(shape["properties"]) <= MOST
        ):
            self._whole(schema, body, media, required)
            return
        examples = list(_examples(media))
        for name, part in shape["properties"].items():
            values = [one[name] for one in examples if isinstance(one, dict) and name in one]
            self._add("body", name, _exemplified(part, values), name in shape["required"])

    def _whole(self, schema: Any, body: Schema, media: Schema, required: bool) -> None:
        about = body.get("description")
        schema = _exemplified(schema, list(_examples(media)))
        if isinstance(about, str) and about.strip() and isinstance(schema, dict):
            schema = schema | {"description": shortened(about, _LONGEST_DESCRIPTION)}
        self._add("body", "body", schema, required, {"x-whole": True})

    # --- the answers and the path ----------------------------------------------------------------

    def accepted(self, responses: Any) -> None:
        """The `Accept` header, where the answers are of other types than the plain JSON that is asked for anyway."""
        kinds: dict[str, None] = {}
        for response in successes(responses, self._references):
            content = response.get("content") if isinstance(response, dict) else None
            kinds |= dict.fromkeys(kind.strip() for kind in content if isinstance(kind, str)) if content else {}
        able = [kind for kind in kinds if is_media_type(kind)]
        if not able or any("*" in kind or _essence(kind) == JSON for kind in kinds):
            return
        able.sort(
            key=lambda kind: ["json", "text"].index(how) if (how := content_kind(kind)) in ("json", "text") else 2
        )
        first = content_kind(able[0])
        listed = [kind if content_kind(kind) == first else f"{kind};q=0.5" for kind in able[:_MOST_ACCEPTED]]
        self.result.hints["x-accept"] = ", ".join([*listed, "*/*;q=0.1"])

    def check_path(self) -> None:
        """Make the path one that can be sent, or say why it cannot."""
        path, mark, _ = self.result.path.partition("#")
        if mark:
            self._note("What follows # in its path is not sent.")
        self.result.path = path if path.startswith("/") else f"/{path}"
        for mistake in path_mistakes(self.result.path):
            self._block(f"Its path {mistake}.")


def sendable(content: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The media type of a `content` object that a body is sent as: plain JSON before other JSON, forms and text."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for kind, media in content.items():
        name = str(kind).strip()
        if not isinstance(media, dict):
            continue
        if _essence(name) in ("*/*", "application/*"):
            name = JSON
        how = "plain" if _essence(name) == JSON else content_kind(name)
        if how and is_media_type(name):
            found.setdefault(how, (name, media))
    return next((found[how] for how in ("plain", "json", "form", "text") if how in found), ("", None))


def successes(responses: Any, references: References) -> list[Any]:
    """The declared answers of 2xx, by status; the `default` one where there is none. Raises nothing."""
    declared = responses if isinstance(responses, dict) else {}
    statuses = sorted((one for one in declared if re.fullmatch(r"2(?:\d\d|[xX]{2})", one)), key=str.upper)
    found = []
    for status in statuses or [one for one in ("default",) if one in declared]:
        try:
            found.append(references.follow(declared[status]))
        except UnresolvedReference as lost:
            found.append(lost)
    return found


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _braced(path: str) -> Iterator[tuple[int, int]]:
    """Where braces that belong together begin and end, the outermost of each."""
    depth = start = 0
    for at, char in enumerate(path):
        if char == "{":
            start = at if not depth else start
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if not depth:
                yield start, at + 1


def _without_blanks(text: str) -> str:
    return re.sub(r"\s", lambda found: quote(found[0]), text)


def _spans(pattern: str | None) -> bool:
    """Whether what a template's pattern fits may hold slashes."""
    return pattern is not None and (pattern in ("path", ".*", ".+") or "/" in pattern or "**" in pattern)


def _not_null(schema: Any) -> Any:
    """The schema without `null` among its types and alternatives: there is no such segment of a path."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    if isinstance(schema.get("type"), list):
        kept = [one for one in schema["type"] if one != "null"]
        made["type"] = kept[0] if len(kept) == 1 else kept or "null"
    for word in ("anyOf", "oneOf"):
        able = [part for part in schema.get(word, ()) if not (isinstance(part, dict) and part.get("type") == "null")]
        if able:
            made[word] = able
    return made


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
    if not isinstance(schema, dict) or "examples" in schema:
        return schema
    kept = [one for one in fitting(examples[:3], kinds_of(schema)) if len(compact(one)) <= 1_000]
    if not kept:
        return schema
    return schema | {"examples": kept}


def _free(argument: Argument, taken: Schema) -> str:
    """A name for an argument that is none of those taken: with its place before it, then with a number."""
    name = argument_of(argument.called)
    if name not in taken:
        return name
    return unused(f"{argument.where}_{name}", taken, most=ARGUMENT_MAX, mark="_")
