"""The places that hold one value: a line or box of text, a masked secret, a piece of JSON; and `make`."""

from __future__ import annotations

from collections.abc import Iterator

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.schema import check
from drio_tui.schema.fields import MISSING, Field, compact
from drio_tui.schema.jsontext import pretty
from drio_tui.schema.nodes import NODES, Node, Presence, Value, dotted, same
from drio_tui.schema.resolve import Json

_LINE_ENDS = frozenset("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
TOO_MANY = 200
"""Items or entries beyond which a list is edited as JSON."""

TOO_LONG = 200_000
"""Characters of JSON beyond which a place is kept but not edited."""


class Leaf(Node):
    """One string, number, yes or no, constant or choice from a list. `text` is what its editor shows."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        start = initial
        if start is MISSING and new:
            start = field.flat.get("const", MISSING) if field.kind == "const" else field.default
            if start is not MISSING and not check.fits(field, start):
                start = MISSING
        self._start: Value = start
        self._state: Value = start
        self._problem = ""
        self.text = self._text_of(start)

    @property
    def multiline(self) -> bool:
        """Whether its text has several lines, by its schema or as loaded."""
        return self.field.kind == "string" and (self.field.multiline or "\n" in self._text_of(self._start))

    @property
    def touched(self) -> bool:
        return bool(self._problem) or not same(self._state, self._start)

    def value(self, *, secrets: bool = True) -> Value:
        return self._state

    def set_text(self, text: str) -> None:
        """Take what was typed; text as it began means the value as it began."""
        self.text = text
        self._problem = ""
        if text == self._text_of(self._start):
            self._state = self._start
        elif (not text.strip() and self.field.kind != "string") or not text:
            self._state = MISSING
        else:
            self._state = self._parsed(text)
        self.edited()

    def set_value(self, value: Value) -> None:
        """Take a value that was picked."""
        self._state, self._problem = value, ""
        self.text = self._text_of(value)
        self.edited()

    def take(self, value: Value) -> Node:
        if value is not MISSING and not (check.fits(self.field, value) and keeps_lines(self.field, value)):
            return self._replace(value, misfit(self.field))
        self.set_value(value)
        return self

    def reset(self) -> None:
        self.set_value(self._start)

    def _parsed(self, text: str) -> Value:
        if self.field.kind not in ("integer", "number"):
            return text
        try:
            value = loads(text.strip())
        except MalformedJson:
            value = None
        if isinstance(value, float) and self.field.kind == "integer" and value.is_integer():
            value = int(value)
        if not check.fits(self.field, value) or value is None:
            self._problem = "must be a whole number" if self.field.kind == "integer" else "must be a number"
            return self._state
        return value

    def _text_of(self, value: Value) -> str:
        if value is MISSING or value is None:
            return ""
        return value if isinstance(value, str) else compact(value)

    def _wrong(self) -> Iterator[str]:
        if self._problem:
            yield self._problem
        elif self._state is MISSING and self.parent is not None and self.parent.lists:
            # An empty line in a list is an empty text, unless the schema wants more.
            if self.field.kind == "string":
                yield from check.shallow(self.field, "")
            elif self.new or self.touched:
                yield "is required"
        else:
            yield from super()._wrong()


class SecretLeaf(Node):
    """A write-only value: never shown, unchanged unless something is typed."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self._typed: str | None = None
        self._gone: Presence = "there"
        self.kept = not new
        """Whether the server has a value."""

    def __repr__(self) -> str:
        return f"<secret at {'.'.join(map(str, self.path))}>"

    @property
    def typed(self) -> str:
        """What was typed so far, for the masked box."""
        return self._typed or ""

    @property
    def cleared(self) -> bool:
        """Whether it is to be taken away."""
        return self._gone != "there"

    @property
    def touched(self) -> bool:
        return self._typed is not None or self.cleared

    def value(self, *, secrets: bool = True) -> Value:
        if not secrets:
            return MISSING
        if self._typed is not None:
            return self._typed if self.field.kind not in ("integer", "number", "json") else self._parsed(self._typed)
        if self.cleared:
            return None if self._gone == "null" else MISSING
        return self.initial

    def _parsed(self, text: str) -> Value:
        try:
            return loads(text)
        except MalformedJson:
            return text

    def set_text(self, text: str) -> None:
        """Take what was typed; nothing means unchanged."""
        self._typed, self._gone = text or None, "there"
        self.edited()

    def take(self, value: Value) -> Node:
        if value is None and self.field.nullable:
            self._typed, self._gone = None, "null"
        elif value is not MISSING:
            self._typed, self._gone = value if isinstance(value, str) else compact(value), "there"
        self.edited()
        return self

    def clear(self) -> None:
        self._typed, self._gone = None, "absent"
        self.edited()

    def reset(self) -> None:
        self._typed, self._gone = None, "there"
        self.edited()


class JsonNode(Node):
    """A place edited as JSON. `reason` says why, where its schema could be drawn or was not understood."""

    def __init__(
        self, field: Field, initial: Value, *, new: bool, parent: Node | None = None, reason: str = ""
    ) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self.reason = reason
        self._start: Value = field.default if initial is MISSING and new else initial
        self._state = self._start
        self._problem = ""
        self._start_text = pretty(self._start)
        self.text = self._start_text

    @property
    def too_long(self) -> bool:
        """Whether there is too much of it to edit here; it is kept as it is."""
        return len(self._start_text) > TOO_LONG

    @property
    def touched(self) -> bool:
        return bool(self._problem) or not same(self._state, self._start)

    def value(self, *, secrets: bool = True) -> Value:
        return self._state

    def set_text(self, text: str) -> None:
        """Take what was typed; what does not parse is kept as text and is an error."""
        self.text = text
        self._problem = ""
        if text == self._start_text:
            self._state = self._start
        elif not text.strip():
            self._state = MISSING
        else:
            try:
                self._state = loads(text)
            except MalformedJson as error:
                self._problem = f"is not JSON: {error}"
        self.edited()

    def take(self, value: Value) -> Node:
        self._state, self._problem = value, ""
        self.text = self._start_text if same(value, self._start) else pretty(value)
        self.edited()
        return self

    def reset(self) -> None:
        self.take(self._start)

    def _wrong(self) -> Iterator[str]:
        if self._problem:
            yield self._problem
        elif not (self.new or self.touched):
            return
        elif self._state is MISSING:
            if self.field.required:
                yield "is required"
        elif self.field.kind == "json":
            yield from check.shallow(self.field, self._state)
        else:
            for at, wrong in check.deep(self.field, self._state):
                yield f"{dotted(at)} {wrong}" if at else wrong


def make(field: Field, value: Value, *, new: bool, parent: Node | None = None) -> Node:
    """The node for a value at a field: of the field's kind where the value fits, else one edited as JSON."""
    if field.secret and field.kind not in ("object", "array", "map", "choice"):
        return SecretLeaf(field, value, new=new, parent=parent)
    there = value is not MISSING and value is not None
    if field.kind == "json":
        return JsonNode(field, value, new=new, parent=parent, reason=field.reason)
    if there and not (check.fits(field, value) and keeps_lines(field, value)):
        return JsonNode(field, value, new=new, parent=parent, reason=misfit(field))
    if there and field.kind == "const" and not same(value, field.flat.get("const", MISSING)):
        return JsonNode(field, value, new=new, parent=parent, reason="what stands there is another value")
    if there and field.kind == "enum" and isinstance(value, dict | list) and field.open:
        return JsonNode(field, value, new=new, parent=parent, reason=misfit(field))
    if isinstance(value, str) and len(value) > TOO_LONG:
        reason = f"{len(value):,} characters are too many for a field"
        return JsonNode(field, value, new=new, parent=parent, reason=reason)
    if field.kind in ("array", "map") and isinstance(value, list | dict) and len(value) > TOO_MANY:
        reason = f"{len(value):,} are too many for fields"
        return JsonNode(field, value, new=new, parent=parent, reason=reason)
    if there and field.kind == "choice" and check.alternative(field, value) is None:
        return JsonNode(field, value, new=new, parent=parent, reason=misfit(field))
    return NODES.get(field.kind, Leaf)(field, value, new=new, parent=parent)


def filled(node: Node, *, secrets: bool) -> Json:
    """An item's value; an item cannot be left out, so an empty one is an empty text, or null."""
    value = node.value(secrets=secrets)
    if value is not MISSING:
        return value
    inner = next(node.children(), node) if node.field.kind == "choice" else node
    return "" if inner.field.kind in ("string", "enum") else None


def keeps_lines(field: Field, value: Value) -> bool:
    """Whether a text box would give a text back as it is: one with line ends other than \\n it would not."""
    if not isinstance(value, str) or field.kind != "string":
        return True
    return not ((field.multiline or "\n" in value) and _LINE_ENDS.intersection(value))


def misfit(field: Field) -> str:
    """Why a value at a field is edited as JSON."""
    words = {"string": "text", "integer": "a whole number", "boolean": "yes or no", "map": "names and values"}
    kind = words.get(field.kind, f"{'an' if field.kind[0] in 'aeio' else 'a'} {field.kind}")
    return f"what stands there does not fit {kind} field"


NODES["json"] = JsonNode
