"""What an import proposes for each operation: a name and a description of its tool, annotations, a widget, a chain.

The proposals follow from the document alone, so that the same document gives the same ones. A user takes or refuses
each part, and may edit names and descriptions. What is refused is as the document says, or is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal, get_args

from drio_tui.naming import NAME_MAX, unused
from drio_tui.openapi_import.model import OperationDetail, OperationSummary
from drio_tui.openapi_import.names import KEY_MAX, shortened
from drio_tui.openapi_import.tool_texts import (
    OperationText,
    description_of,
    distinct_names,
    is_creating,
    key_for,
    name_of,
    object_of,
)
from drio_tui.tool_calls.requests import SAFE
from drio_tui.tool_calls.token_count import TextCounts, compact, counts_of, tokens
from drio_tui.tool_calls.tools import required, tool_name, without_hints
from drio_tui.workspace.lint.annotations import DESTRUCTIVE, IDEMPOTENT, OPEN_WORLD, READ_ONLY
from drio_tui.workspace.lint.clients import LONGEST_FOR_CURSOR
from drio_tui.workspace.run.argument_suggestions import (
    FIRST_ARGUMENTS,
    Source,
    chosen,
    nouns_of,
    source_of,
    suggest_arguments,
)
from drio_tui.workspace.run.mapping_suggestions import suggest_mappings, suggest_primitive

Part = Literal["name", "description", "annotations", "widget", "chain"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What can be taken or refused of a proposal. The key goes with the name."""

_OUTSIDE_TOOL: frozenset[Part] = frozenset(("widget", "chain"))
"""Parts that change nothing of the tool itself."""
_SCHEMAS = ("inputSchema", "outputSchema")
_SHORTEST_KEY = 20
_LABELS = {"data-table": "table", "list": "list", "card-grid": "cards", "card": "card", "detail": "details"}
_OF_LISTS = ("data-table", "list", "card-grid")
_FEWEST_OF_LIST, _FEWEST_OF_ONE = 2, 3
"""A widget needs so many mappings, unless it is a number: less is shown as well by a text."""


@dataclass(frozen=True, slots=True)
class WidgetProposal:
    """A widget for the result of a tool, with its field mappings: slot → JSONPath."""

    name: str
    primitive: str
    mappings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChainProposal:
    """The operation (its id in the document) whose tool takes the result, and where its arguments come from."""

    target: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one operation. Texts are not sanitized.

    `detail` is what the import makes of it without. `edited` says that the user wrote name, key and description;
    `no_widget` why no widget is proposed.
    """

    detail: OperationDetail
    name: str
    key: str
    description: str
    annotations: Mapping[str, Any]
    widget: WidgetProposal | None = None
    chain: ChainProposal | None = None
    no_widget: str = ""
    refused: frozenset[Part] = frozenset()
    edited: bool = False

    @property
    def id(self) -> str:
        """The id of the operation in the document."""
        return self.detail.id

    def offers(self, part: Part) -> bool:
        """Return whether there is a proposal for this part."""
        return part not in ("widget", "chain") or getattr(self, part) is not None

    def takes(self, part: Part) -> bool:
        """Return whether this part is proposed and not refused."""
        return self.offers(part) and part not in self.refused

    @property
    def tool(self) -> dict[str, Any]:
        """The body of the tool's create, without key and links."""
        return self.detail.tool | {
            "name": self.tool_value("name"),
            "description": self.tool_value("description"),
            "annotations": dict(self.tool_value("annotations")),
        }

    def tool_value(self, part: Literal["name", "description", "annotations"]) -> Any:
        """Return a property of the tool: as it is proposed, or as the document says if that is refused."""
        return self.detail.tool[part] if part in self.refused else getattr(self, part)

    @property
    def tool_key(self) -> str:
        """The key that the tool gets, unless it is taken."""
        return self.key if self.takes("name") else self.detail.key

    @property
    def seen(self) -> dict[str, Any]:
        """The tool as clients get it in the list of tools."""
        return self.detail.seen | self.seen_texts

    @property
    def seen_texts(self) -> dict[str, Any]:
        """The properties of `seen` that depend on what is taken."""
        title = str(self.tool_value("name"))
        return {
            "name": tool_name(self.tool_key),
            "title": title,
            "description": self.tool_value("description"),
            "annotations": {"title": title} | self.tool_value("annotations"),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`: the parts that are taken; a part that is refused is null."""
        widget = self.widget if self.takes("widget") else None
        chain = self.chain if self.takes("chain") else None
        return {
            "operation": self.id,
            "name": self.name if self.takes("name") else None,
            "key": self.key if self.takes("name") else None,
            "description": self.description if self.takes("description") else None,
            "annotations": dict(self.annotations) if self.takes("annotations") else None,
            "widget": widget
            and {"name": widget.name, "primitive": widget.primitive, "fieldMappings": dict(widget.mappings)},
            "chain": chain and {"operation": chain.target, "arguments": dict(chain.arguments)},
            "tokens": tokens(compact(self.seen)),
        }


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What is counted in the JSON of a tool without its texts, which is large and does not change, and its bytes.

    `last` is its last property, which may be a text.
    """

    counts: TextCounts
    length: int
    last: str


def _fixed_of(proposal: Proposal) -> _Fixed:
    seen, texts = proposal.seen, proposal.seen_texts
    last = next(name for name in reversed(seen) if name not in _SCHEMAS)
    parts = [_part_of(name, value, last) for name, value in seen.items() if name not in texts]
    return _Fixed(counts_of("".join(('{"', *parts))), len('{"') + sum(map(_length, parts)), last)


def _part_of(name: str, value: Any, last: str) -> str:
    """Return a property in the JSON of a tool up to the name of the next one, or the end of the `last`."""
    return compact({name: value})[2:-1] + ("}" if name == last else ',"')


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class TypedTexts:
    """The texts of a proposal that are being edited and are not taken yet; `id` is that of the operation."""

    id: str
    name: str
    key: str
    description: str


class Proposals:
    """The proposals for the chosen operations, in their order, and what the user decided about them.

    `typed` are the texts that are being edited, None if none are.
    """

    def __init__(self, proposals: Iterable[Proposal] = ()) -> None:
        self._by_id = {proposal.id: proposal for proposal in proposals}
        self.typed: TypedTexts | None = None
        self._earlier: dict[str, Proposal] = {}
        """Proposals that are not among these, with what the user decided about them."""
        self._sizes: dict[str, dict[frozenset[Part], tuple[int, int]]] = {}
        """The sizes of each tool by the parts that are refused: often all of them change."""
        self._fixed: dict[str, _Fixed] = {}
        self._properties: dict[str, TextCounts] = {}

    @property
    def all(self) -> tuple[Proposal, ...]:
        """The proposals."""
        return tuple(self._by_id.values())

    def get(self, id: str) -> Proposal | None:
        """Return the proposal for an operation, None without one."""
        return self._by_id.get(id)

    def __len__(self) -> int:
        return len(self._by_id)

    def toggle(self, id: str, part: Part) -> bool:
        """Take a part of a proposal, or refuse it; return whether there was something to take."""
        proposal = self._by_id.get(id)
        if proposal is None or not proposal.offers(part):
            return False
        self._set(replace(proposal, refused=proposal.refused ^ {part}))
        return True

    def toggle_all(self, part: Part) -> None:
        """Take a part of all proposals, or refuse it of all if it is taken everywhere."""
        refuses = all(proposal.takes(part) for proposal in self.all if proposal.offers(part))
        for proposal in self.all:
            self._set(replace(proposal, refused=proposal.refused | {part} if refuses else proposal.refused - {part}))

    def take_only(self, parts: Iterable[Part]) -> None:
        """Refuse all parts but these."""
        refused = frozenset(PARTS) - {*parts}
        for proposal in self.all:
            self._set(replace(proposal, refused=refused))

    def edit(self, id: str, *, name: str, key: str, description: str) -> None:
        """Replace the texts of a proposal; they are taken then."""
        proposal = self._by_id[id]
        refused = proposal.refused - {"name", "description"}
        self._set(replace(proposal, name=name, key=key, description=description, refused=refused, edited=True))

    def keep_decisions(self, earlier: Proposals) -> None:
        """Refuse and edit what was refused and edited in earlier proposals of the same document.

        What was decided about operations that are not among these is kept for the next proposals.
        """
        for before in (*earlier._earlier.values(), *earlier.all):
            proposal = self._by_id.get(before.id)
            if proposal is None:
                self._earlier[before.id] = before
                continue
            if before.edited:
                proposal = replace(
                    proposal, name=before.name, key=before.key, description=before.description, edited=True
                )
            self._set(replace(proposal, refused=before.refused))

    def decisions(self) -> list[dict[str, Any]]:
        """Return what the user decided as JSON, for `decide`: the texts that were edited, and what is refused."""
        return [
            {
                "operation": proposal.id,
                "texts": [proposal.name, proposal.key, proposal.description] if proposal.edited else [],
                "refused": sorted(proposal.refused),
            }
            for proposal in (*self._earlier.values(), *self.all)
            if proposal.edited or proposal.refused
        ]

    def decide(self, decisions: Iterable[Mapping[str, Any]]) -> None:
        """Decide as in `decisions`, about those of the operations that are among these."""
        for decision in decisions:
            proposal = self._by_id.get(decision["operation"])
            if proposal is None:
                continue
            if decision["texts"]:
                name, key, description = map(str, decision["texts"])
                proposal = replace(proposal, name=name, key=key, description=description, edited=True)
            self._set(replace(proposal, refused=frozenset(PARTS) & {*decision["refused"]}))

    def count(self, part: Part) -> int:
        """Return how many proposals of this part are taken."""
        return sum(proposal.takes(part) for proposal in self.all)

    @property
    def refused(self) -> int:
        """The number of parts that are proposed and refused."""
        return sum(proposal.offers(part) for proposal in self.all for part in proposal.refused)

    def size_of(self, id: str) -> tuple[int, int]:
        """Return the estimated tokens and the bytes of a tool in the list of tools."""
        return self._size(self._by_id[id])

    def count_sizes(self) -> None:
        """Count the size of each tool with any of its parts refused: it takes too long when many are shown."""
        inside = [part for part in PARTS if part not in _OUTSIDE_TOOL]
        for proposal in self.all:
            for count in range(len(inside) + 1):
                for parts in combinations(inside, count):
                    self._size(replace(proposal, refused=frozenset(parts)))

    def _size(self, proposal: Proposal) -> tuple[int, int]:
        id = proposal.id
        sizes = self._sizes.setdefault(id, {})
        refused = proposal.refused - _OUTSIDE_TOOL
        if refused not in sizes:
            texts = proposal.seen_texts
            if id not in self._fixed:
                self._fixed[id] = _fixed_of(proposal)
            fixed = self._fixed[id]
            counts, length = fixed.counts, fixed.length
            for name, value in texts.items():
                text = _part_of(name, value, fixed.last)
                counts = counts.with_counts(self._counts_of(text))
                length += _length(text)
            sizes[refused] = counts.tokens, length
        return sizes[refused]

    def _counts_of(self, text: str) -> TextCounts:
        """Return what is counted in a property of a tool and its end: most are as before when a part is refused."""
        counts = self._properties.get(text)
        if counts is None:
            counts = self._properties[text] = counts_of(text)
        return counts

    @property
    def tokens(self) -> int:
        """The estimated tokens of all tools."""
        return sum(self.size_of(id)[0] for id in self._by_id)

    def _set(self, proposal: Proposal) -> None:
        self._by_id[proposal.id] = proposal
        if proposal.edited:
            self._sizes.pop(proposal.id, None)


def propose(
    operations: Sequence[OperationSummary], details: Mapping[str, OperationDetail], *, server: str = ""
) -> Proposals:
    """Return proposals for operations that are imported; `server` is the name of the app in the config of clients.

    Reading the schemas takes some milliseconds per operation.
    """
    described = [(operation, details[operation.id]) for operation in operations if operation.id in details]
    texts = [_text_of(operation, detail) for operation, detail in described]
    names = distinct_names(texts, [name_of(text) for text in texts])
    most = min(KEY_MAX, max(_SHORTEST_KEY, LONGEST_FOR_CURSOR - len(server)))
    keys: set[str] = set()
    proposals: list[Proposal] = []
    for (_, detail), text, name in zip(described, texts, names, strict=True):
        key = unused(key_for(name, detail.key[:most].strip("-"), most), keys, most=most)
        keys.add(key)
        widget = _widget_of(text, name)
        reason = widget if isinstance(widget, str) else ""
        annotations = annotations_of(text, name)
        proposals.append(
            Proposal(
                detail, name, key, description_of(text, name), annotations,
                None if isinstance(widget, str) else widget, no_widget=reason,
            )
        )  # fmt: skip
    by_id = {proposal.id: proposal for proposal in proposals}
    texts_by_id = dict(zip(by_id, texts, strict=True))
    for source, target in _pairs(texts_by_id, {id: proposal.name for id, proposal in by_id.items()}):
        arguments = chain_arguments(by_id[source], by_id[target])
        if arguments:
            by_id[source] = replace(by_id[source], chain=ChainProposal(target, arguments))
    result = Proposals(by_id.values())
    result.count_sizes()  # here, not when they are shown
    return result


def annotations_of(operation: OperationText, name: str) -> dict[str, Any]:
    """Return the annotations of a tool: those of its HTTP method (RFC 9110 section 9.2), each of them said.

    What only adds, by its name, is not destructive. The title is that of the tool, so it is not repeated here.
    """
    if operation.method in SAFE:
        return {READ_ONLY: True, DESTRUCTIVE: False, IDEMPOTENT: True, OPEN_WORLD: True}
    return {
        READ_ONLY: False,
        DESTRUCTIVE: not is_creating(operation, name),
        IDEMPOTENT: operation.method in ("PUT", "DELETE"),
        OPEN_WORLD: True,
    }


def chain_arguments(source: Proposal, target: Proposal) -> dict[str, str]:
    """Return the paths in the result of `source` that fill the required arguments of `target`.

    Empty if one of them has no certain place, or none comes from an item of the result.
    """
    operation, wanted = source.detail.operation, target.detail.operation
    title, path = str(source.tool["name"]), str(operation["path"])
    schema = without_hints(operation["inputSchema"])
    sources: list[Source] = [
        source_of(source.id, title, schema=operation.get("outputSchema"), path=path),
        source_of(FIRST_ARGUMENTS, "", schema=schema),
    ]
    target_schema = without_hints(wanted["inputSchema"])
    nouns = nouns_of(str(target.tool["name"]), str(wanted["path"]))
    suggestions = suggest_arguments(target_schema, sources, _fits_anything, nouns=nouns)
    paths: dict[str, str] = {}
    from_item = False
    for name in required(target_schema):
        suggestion = chosen(name, suggestions.get(name, ()), required=True, only_reads=True)
        if suggestion is None:
            return {}
        from_item = from_item or (suggestion.place.tool == source.id and "[*]" in suggestion.place.path)
        paths[name] = suggestion.place.path
    return paths if from_item else {}


def _text_of(operation: OperationSummary, detail: OperationDetail) -> OperationText:
    return OperationText(
        operation.method, operation.path, operation.operation_id, detail.summary, detail.description, detail.responses,
        detail.operation.get("outputSchema"), operation.deprecated,
    )  # fmt: skip


def _fits_anything(_: Any, __: Any) -> bool:
    return True


def _widget_of(operation: OperationText, name: str) -> WidgetProposal | str:
    """Return a widget for the result (a table or list for several things, a card or details for one), or why not."""
    schema = operation.output_schema
    if operation.method == "DELETE":
        return "a delete returns nothing to show"
    if schema is None:
        return "the document does not describe the result"
    rows = operation.rows(name)
    primitive = suggest_primitive(schema)
    if rows is None and primitive in _OF_LISTS:
        primitive = "detail"
    mappings = suggest_mappings(primitive, schema)
    if rows is not None:
        is_small = rows.items is None or not rows.items.properties or len(mappings) < _FEWEST_OF_LIST
    else:
        is_small = primitive in ("card", "detail") and len(mappings) < _FEWEST_OF_ONE
    if not mappings:
        return "the result has no values that a widget shows"
    if is_small:
        fewest = _FEWEST_OF_LIST if rows is not None else _FEWEST_OF_ONE
        return f"fewer than {fewest} values to show, ids aside; a text shows them as well"
    label = _LABELS.get(primitive, primitive)
    subject = shortened(object_of(name), NAME_MAX - 20)
    title = subject if subject.casefold().endswith(f" {label}") else f"{subject} {label}"
    return WidgetProposal(title, primitive, mappings)


def _pairs(texts: Mapping[str, OperationText], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the operations that list resources, each with the one that gets one of them.

    That is the path of the list and a parameter, or the only such path that ends with the same word.
    """
    reads = {id: text for id, text in texts.items() if text.method == "GET"}
    of_one: dict[tuple[str, ...], str] = {}
    by_noun: dict[str, list[str]] = {}
    for id, text in reads.items():
        if text.of_one and len(text.parts) > 1:
            of_one[tuple(text.parts[:-1])] = id
            by_noun.setdefault(text.parts[-2], []).append(id)
    pairs: list[tuple[str, str]] = []
    for id, text in reads.items():
        if text.of_one or not text.parts or text.rows(names[id]) is None:
            continue
        same_noun = by_noun.get(text.parts[-1], [])
        target = of_one.get(tuple(text.parts)) or (same_noun[0] if len(same_noun) == 1 else "")
        if target:
            pairs.append((id, target))
    return pairs
