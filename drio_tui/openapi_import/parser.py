"""A document read: what it offers, and what each operation becomes. Runs in a process of its own (`worker`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from drio_tui.openapi_import import servers as places
from drio_tui.openapi_import.arguments import Arguments, arguments, successes
from drio_tui.openapi_import.decode import parse
from drio_tui.openapi_import.errors import BadDocument, Problem
from drio_tui.openapi_import.model import DocumentInfo, OperationDetail, OperationSummary, Server
from drio_tui.openapi_import.names import key_of, shortened, title_of, words_of
from drio_tui.openapi_import.references import References, UnresolvedReference
from drio_tui.openapi_import.schemas import Converter, Definitions, Schema
from drio_tui.tool_calls.outputs import LARGEST, bounded, published
from drio_tui.tool_calls.requests import JSON, SAFE, content_kind
from drio_tui.tool_calls.token_count import compact, size, tokens
from drio_tui.tool_calls.tools import listed, tool_name, without_hints

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
MOST_OPERATIONS = 20_000
TOOL_DESCRIPTION = 1_024
"""Characters: what the strictest client takes as a tool's description."""

_SENT = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"})
_OPERATION_DESCRIPTION = 10_000
_ANSWER_BUDGET = 3_000
_MOST_PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class _Found:
    """An operation as it stands in the document."""

    method: str
    path: str
    item: dict[str, Any]
    operation: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.method} {self.path}"


class OpenApiParser:
    """A document. `url` is where it came from, empty for a file. Raises `BadDocument` when it is none."""

    def __init__(self, data: bytes, url: str = "") -> None:
        root, self.problems = parse(data)
        self.root = _checked(root)
        self.references = References(self.root)
        self._url = url
        old = self.version.startswith("3.0")
        self._sent = Definitions(self.references, old=old)
        self._got = Definitions(self.references, old=old, answers=True)
        self._global = self.root.get("security")
        self._found: dict[str, _Found] = {}
        for found in self._operations():
            self._found[found.id] = found
            if len(self._found) >= MOST_OPERATIONS:
                self._problem(f"it has more than {MOST_OPERATIONS:,} operations: the rest is not shown")
                break
        if not self._found:
            self._problem("it describes no operation")

    @property
    def version(self) -> str:
        """The version of OpenAPI it is written in."""
        return str(self.root["openapi"])

    @property
    def total(self) -> int:
        """How many operations it offers."""
        return len(self._found)

    def parts(self, chosen: Collection[str]) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        """Of each chosen operation its path, its method as the document spells it, its path item and itself."""
        for id in chosen:
            if found := self._found.get(id):
                yield found.path, found.method.lower(), found.item, found.operation

    def head(self) -> DocumentInfo:
        """What it says of itself."""
        info = self.root.get("info")
        told = {name: _text(info, name) for name in ("title", "version", "description")}
        if not told["title"].strip():
            self._problem("it has no title", "info")
        found = places.servers(self.root.get("servers"), self._url)
        if not found:
            found = places.servers([{"url": "/"}], self._url)
        return DocumentInfo(
            title=title_of(told["title"]) or "Untitled API",
            version=told["version"][:100],
            openapi=self.version,
            description=shortened(told["description"], _OPERATION_DESCRIPTION),
            servers=found,
            schemes=places.schemes(self.root.get("components"), self.references, self._url),
        )

    def offered(self) -> Iterator[OperationSummary]:
        """Every operation, in the document's order."""
        for found in self._found.values():
            yield self._offer(found)

    def detail(self, id: str) -> OperationDetail:
        """What one operation becomes. Raises `KeyError`."""
        found = self._found[id]
        made, converter, schema = self._input(found)
        answer, note = self._answer(found)
        notes = [*_notes(made, converter), *([note] if note else [])]
        name, key = _name(found), _key(found)
        operation = {
            "name": name,
            "method": found.method,
            "path": made.path,
            "description": shortened(_about(found), _OPERATION_DESCRIPTION),
            "inputSchema": schema,
        }
        if answer is not None:
            operation["outputSchema"] = answer
        description = _tool_description(found)
        tool = {"name": name, "description": description, "kind": "function", "annotations": hints_of(found.method)}
        seen = listed(tool_name(key), name, description, without_hints(schema), published(answer), tool["annotations"])
        return OperationDetail(id, key, operation, tool, seen, tokens(compact(seen)), size(seen), tuple(notes))

    # --- inside ----------------------------------------------------------------------------------

    def _problem(self, message: str, where: str = "", operation: str = "") -> None:
        problem = Problem(message, where, operation)
        if problem not in self.problems and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)

    def _operations(self) -> Iterator[_Found]:
        paths = self.root.get("paths")
        if paths is None:
            return
        if not isinstance(paths, dict):
            raise BadDocument("Its `paths` are not an object.")
        for path, item in paths.items():
            where = f"paths.{path}"
            if path.startswith("x-"):
                continue
            try:
                target = self.references.follow(item)
            except UnresolvedReference as lost:
                self._problem(f"{lost}: its operations are not known", where)
                continue
            if not isinstance(target, dict):
                self._problem("is not an object", where)
                continue
            if target is not item:
                target = target | {name: value for name, value in item.items() if name != "$ref"}
            if not path.startswith("/"):
                self._problem("does not begin with a slash; one is put before it", where)
            for method, operation in _methods(target):
                if isinstance(operation, dict):
                    yield _Found(method, path, target, operation)
                else:
                    self._problem("is not an object", f"{where}.{method.lower()}")

    def _input(self, found: _Found) -> tuple[Arguments, Converter, Schema]:
        converter = Converter(self._sent)
        made = arguments(found.method, found.path, found.item, found.operation, self.references, converter)
        if found.method not in _SENT:
            made.obstacle = f"drio cannot send {found.method[:20]} requests."
        return made, converter, converter.finished(made.schema())

    def _answer(self, found: _Found) -> tuple[Schema | None, str]:
        """The schema that every declared answer of 2xx fits, None where there is none, and a sentence about why."""
        responses = found.operation.get("responses")
        if not isinstance(responses, dict) or not any(str(status).startswith("2") for status in responses):
            return None, ""
        converter = Converter(self._got, budget=_ANSWER_BUDGET)
        made: list[Any] = []
        for response in successes(responses, self.references):
            if isinstance(response, UnresolvedReference):
                return None, f"Its answer {response}."
            content = response.get("content") if isinstance(response, dict) else None
            media = _json_of(content) if isinstance(content, dict) else None
            schema = converter.convert(media["schema"]) if media and "schema" in media else None
            if schema not in made:
                made.append(schema)
        if len(made) > 1 and any(made):
            return None, "Its answers are of different shapes, so there is no output schema for its results."
        schema = made[0] if made else None
        if not isinstance(schema, dict):
            return None, ""
        schema = converter.finished(converter.plain(schema))
        if not schema.keys() - {"description"}:
            return None, ""
        kept, lost = bounded(schema)
        return kept, f"The schema of its answer is longer than {LARGEST:,} bytes: {lost}." if lost else ""

    def _offer(self, found: _Found) -> OperationSummary:
        made, converter, schema = self._input(found)
        operation = found.operation
        answer, note = self._answer(found)
        seen = listed(
            tool_name(_key(found)), _name(found), _tool_description(found), without_hints(schema), published(answer),
            hints_of(found.method),
        )  # fmt: skip
        tags = operation.get("tags")
        own = operation.get("servers") or found.item.get("servers")
        servers: tuple[Server, ...] = places.servers(own, self._url) if own else ()
        return OperationSummary(
            id=found.id,
            method=found.method,
            path=found.path,
            summary=title_of(_text(operation, "summary")) or title_of(_text(operation, "description")) or _name(found),
            tags=tuple(tag for tag in tags[:20] if isinstance(tag, str)) if isinstance(tags, list) else (),
            deprecated=operation.get("deprecated") is True,
            tokens=tokens(compact(seen)),
            bytes=size(seen),
            arguments=len(schema["properties"]),
            obstacle=made.obstacle,
            notes=(*_notes(made, converter), *([note] if note else [])),
            schemes=places.wanted(operation.get("security", self._global)),
            servers=servers,
        )


def hints_of(method: str) -> dict[str, Any]:
    """MCP's hints for a method (RFC 9110 section 9.2): what only reads, what may destroy, what may be repeated.

    A POST may do anything, so it is said to be able to destroy; a person who knows better says so.
    """
    if method in SAFE:
        return {"readOnlyHint": True, "openWorldHint": True}
    return {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": method in ("PUT", "DELETE"),
        "openWorldHint": True,
    }


def _checked(found: Any) -> dict[str, Any]:
    """The document, if it is OpenAPI 3.x."""
    if not isinstance(found, dict):
        what = "a list" if isinstance(found, list) else "a single value"
        raise BadDocument(f"It is {what}, not an OpenAPI document.")
    root: dict[str, Any] = found
    version = root.get("openapi")
    if isinstance(version, int | float) and not isinstance(version, bool):
        root = root | {"openapi": str(version)}
        version = str(version)
    if isinstance(version, str):
        if re.match(r"3\.\d", version):
            return root
        raise BadDocument(f"It is written in OpenAPI {version[:40]}; what is read is 3.0 and 3.1.")
    if "swagger" in root:
        raise BadDocument(
            f"It is a Swagger {str(root['swagger'])[:20]} document, and only OpenAPI 3.x is read.",
            "Convert it to OpenAPI 3 (the Swagger Editor does, under Edit), then try again.",
        )
    if "asyncapi" in root:
        raise BadDocument("It is an AsyncAPI document, not an OpenAPI one.")
    info = root.get("info")
    if isinstance(info, dict) and "_postman_id" in info:
        raise BadDocument("It is a Postman collection, not an OpenAPI document.")
    names = ", ".join(str(name)[:40] for name in list(root)[:5]) or "nothing"
    raise BadDocument(f"It is not an OpenAPI document: it has no `openapi` at its top, but {names}.")


def _methods(item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if name in METHODS:
            yield name.upper(), value
    more = item.get("additionalOperations")
    if isinstance(more, dict):
        yield from ((str(name), value) for name, value in more.items())


def _name(found: _Found) -> str:
    return (
        title_of(_text(found.operation, "summary"))
        or title_of(words_of(_text(found.operation, "operationId")))
        or title_of(f"{found.method} {found.path}")
    )


def _key(found: _Found) -> str:
    id = _text(found.operation, "operationId")
    if id and (key := key_of(id, "")):
        # Gemini's API refuses the name of a tool that begins with a digit.
        return key_of(f"{found.method.lower()} {key}") if key[0].isdigit() else key
    path = re.sub(r"\{([^{}]*)\}", r"by \1", found.path)
    return key_of(f"{found.method.lower()} {path}")


def _about(found: _Found) -> str:
    summary, description = _text(found.operation, "summary").strip(), _text(found.operation, "description").strip()
    if summary and description and not description.startswith(summary):
        return f"{summary}\n\n{description}"
    return description or summary or f"{found.method} {found.path}"


def _tool_description(found: _Found) -> str:
    about = _about(found)
    if found.operation.get("deprecated") is True:
        about = f"Deprecated. {about}"
    return shortened(about, TOOL_DESCRIPTION)


def _notes(made: Arguments, converter: Converter) -> list[str]:
    return [*made.notes, *(f"Its input {note}." for note in converter.notes)]


def _json_of(content: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON media type of an answer's `content`, plain JSON first."""
    kinds = {str(kind).partition(";")[0].strip().lower(): media for kind, media in content.items()}
    names = [JSON, *(name for name in kinds if content_kind(name) == "json"), "*/*", "application/*"]
    return next((kinds[name] for name in names if isinstance(kinds.get(name), dict)), None)


def _text(holder: Any, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else ""
