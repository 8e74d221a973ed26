"""Nodes that hold one value (a scalar, a secret, or JSON), and `make`, which creates the node of a field."""

from __future__ import annotations

from collections.abc import Iterator

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.schema import check
from drio_tui.schema.fields import MISSING, Field, compact_json
from drio_tui.schema.jsontext import pretty
from drio_tui.schema.nodes import NODES, Node, Presence, Value, dotted, same_value
from drio_tui.schema.resolve import Json

_LINE_ENDS = frozenset("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
TOO_MANY = 200
"""Number of items or entries beyond which a list or map is edited as JSON."""

TOO_LONG = 200_000
"""Number of characters beyond which JSON cannot be edited, and a string is edited as JSON."""


class _TypedNode(Node):
    """A value that is typed as `text`; `start` is the one before."""

    def __init__(
        self, field: Field, initial: Value, start: Value, text: str, *, new: bool, parent: Node | None
    ) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self._start: Value = start
        self._state: Value = start
        self._problem = ""
        self.text = text

    @property
    def is_invalid(self) -> bool:
        """Whether `text` is no value, so that the one before it stays."""
        return bool(self._problem)

    @property
    def is_changed(self) -> bool:
        return bool(self._problem) or not same_value(self._state, self._start)

    def value(self, *, secrets: bool = True) -> Value:
        return self._state


class ScalarNode(_TypedNode):
    """A string, number, boolean, constant or enumeration value. `text` is the text of its input."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        start = initial
        if start is MISSING and new:
            start = field.flat.get("const", MISSING) if field.kind == "const" else field.default
            if start is not MISSING and not check.matches_type(field, start):
                start = MISSING
        super().__init__(field, initial, start, _text_of(start), new=new, parent=parent)

    @property
    def multiline(self) -> bool:
        """Whether its input has several lines: if the schema says so, or the initial value has several."""
        return self.field.kind == "string" and (self.field.multiline or "\n" in _text_of(self._start))

    def set_text(self, text: str) -> None:
        """Set the value from the text that was typed; the initial text gives the initial value."""
        self.text = text
        self._problem = ""
        if text == _text_of(self._start):
            self._state = self._start
        elif (not text.strip() and self.field.kind != "string") or not text:
            self._state = MISSING
        else:
            self._state = self._parse(text)
        self.mark_edited()

    def set_value(self, value: Value) -> None:
        """Set a value that was chosen."""
        self._state, self._problem = value, ""
        self.text = _text_of(value)
        self.mark_edited()

    def assign(self, value: Value) -> Node:
        if value is not MISSING and not _can_edit(self.field, value):
            return self._replace(value, misfit_reason(self.field))
        self.set_value(value)
        return self

    def reset(self) -> None:
        self.set_value(self._start)

    def _parse(self, text: str) -> Value:
        """Return the value of a text; if it is no number where one is needed, keep the value and set the error."""
        if self.field.kind not in ("integer", "number"):
            return text
        try:
            value = loads(text.strip())
        except MalformedJson:
            value = None
        if isinstance(value, float) and self.field.kind == "integer" and value.is_integer():
            value = int(value)
        if not check.matches_type(self.field, value) or value is None:
            self._problem = "must be a whole number" if self.field.kind == "integer" else "must be a number"
            return self._state
        return value

    def _find_errors(self) -> Iterator[str]:
        if self._problem:
            yield self._problem
        elif self._state is MISSING and self.parent is not None and self.parent.children_required:
            # An empty input in a list is an empty string, which the schema may forbid.
            if self.field.kind == "string":
                yield from check.shallow_errors(self.field, "")
            elif self.new or self.is_changed:
                yield "is required"
        else:
            yield from super()._find_errors()


class SecretNode(Node):
    """A write-only value: it is never shown, and unchanged unless something is typed."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self._typed: str | None = None
        self._presence: Presence = "there"
        self.kept = not new
        """Whether the server has a value."""

    def __repr__(self) -> str:
        return f"<secret at {'.'.join(map(str, self.path))}>"

    @property
    def typed_text(self) -> str:
        """The typed text, for the masked input."""
        return self._typed or ""

    @property
    def cleared(self) -> bool:
        """Whether the value is to be removed."""
        return self._presence != "there"

    @property
    def is_changed(self) -> bool:
        return self._typed is not None or self.cleared

    def value(self, *, secrets: bool = True) -> Value:
        if not secrets:
            return MISSING
        if self._typed is not None:
            return self._typed if self.field.kind not in ("integer", "number", "json") else self._parse(self._typed)
        if self.cleared:
            return None if self._presence == "null" else MISSING
        return self.initial

    def _parse(self, text: str) -> Value:
        try:
            return loads(text)
        except MalformedJson:
            return text

    def set_text(self, text: str) -> None:
        """Set the text that was typed; an empty text leaves the value unchanged."""
        self._typed, self._presence = text or None, "there"
        self.mark_edited()

    def assign(self, value: Value) -> Node:
        if value is None and self.field.nullable:
            self._typed, self._presence = None, "null"
        elif value is not MISSING:
            self._typed, self._presence = value if isinstance(value, str) else compact_json(value), "there"
        self.mark_edited()
        return self

    def clear(self) -> None:
        self._typed, self._presence = None, "absent"
        self.mark_edited()

    def reset(self) -> None:
        self._typed, self._presence = None, "there"
        self.mark_edited()


class JsonNode(_TypedNode):
    """A value edited as JSON. `reason` is why it is not shown as fields; empty if any JSON is its type."""

    def __init__(
        self, field: Field, initial: Value, *, new: bool, parent: Node | None = None, reason: str = ""
    ) -> None:
        start = field.default if initial is MISSING and new else initial
        self._start_text = pretty(start)
        super().__init__(field, initial, start, self._start_text, new=new, parent=parent)
        self.reason = reason

    @property
    def too_long(self) -> bool:
        """Whether the initial JSON is too long to be edited; it is kept unchanged."""
        return len(self._start_text) > TOO_LONG

    def set_text(self, text: str) -> None:
        """Set the value from JSON that was typed; invalid JSON is kept as text and gives an error."""
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
        self.mark_edited()

    def assign(self, value: Value) -> Node:
        self._state, self._problem = value, ""
        self.text = self._start_text if same_value(value, self._start) else pretty(value)
        self.mark_edited()
        return self

    def reset(self) -> None:
        self.assign(self._start)

    def _find_errors(self) -> Iterator[str]:
        if self._problem:
            yield self._problem
        elif not (self.new or self.is_changed):
            return
        elif self._state is MISSING:
            if self.field.required:
                yield "is required"
        elif self.field.kind == "json":
            yield from check.shallow_errors(self.field, self._state)
        else:
            for path, error in check.deep_errors(self.field, self._state):
                yield f"{dotted(path)} {error}" if path else error


def make(field: Field, value: Value, *, new: bool, parent: Node | None = None) -> Node:
    """Return the node of a field with a value: of the field's kind if that can show the value, else a `JsonNode`.

    With `new` the value is not yet on the server, so that the schema's default applies and required fields are checked.
    """
    if field.secret and field.kind not in ("object", "array", "map", "choice"):
        return SecretNode(field, value, new=new, parent=parent)
    has_value = value is not MISSING and value is not None
    if field.kind == "json":
        return JsonNode(field, value, new=new, parent=parent, reason=field.reason)
    if has_value and not _can_edit(field, value):
        return JsonNode(field, value, new=new, parent=parent, reason=misfit_reason(field))
    if has_value and field.kind == "const" and not same_value(value, field.flat.get("const", MISSING)):
        return JsonNode(
            field, value, new=new, parent=parent, reason="its value is not the one that the schema requires"
        )
    if has_value and field.kind == "enum" and isinstance(value, dict | list) and field.allows_other_values:
        return JsonNode(field, value, new=new, parent=parent, reason=misfit_reason(field))
    if isinstance(value, str) and len(value) > TOO_LONG:
        reason = f"{len(value):,} characters are too many for a field"
        return JsonNode(field, value, new=new, parent=parent, reason=reason)
    if field.kind in ("array", "map") and isinstance(value, list | dict) and len(value) > TOO_MANY:
        reason = f"{len(value):,} are too many for fields"
        return JsonNode(field, value, new=new, parent=parent, reason=reason)
    if has_value and field.kind == "choice" and check.matching_variant(field, value) is None:
        return JsonNode(field, value, new=new, parent=parent, reason=misfit_reason(field))
    return NODES.get(field.kind, ScalarNode)(field, value, new=new, parent=parent)


def element_value(node: Node, *, secrets: bool) -> Json:
    """Return the value of an item or entry; it cannot be left out, so an empty one is an empty string, or null."""
    value = node.value(secrets=secrets)
    if value is not MISSING:
        return value
    body = next(node.children(), node) if node.field.kind == "choice" else node
    return "" if body.field.kind in ("string", "enum") else None


def _text_of(value: Value) -> str:
    """Return the text of the input of a scalar value."""
    if value is MISSING or value is None:
        return ""
    return value if isinstance(value, str) else compact_json(value)


def _can_edit(field: Field, value: Value) -> bool:
    """Return whether a value has the field's type and its input would return it unchanged."""
    return check.matches_type(field, value) and _preserves_line_ends(field, value)


def _preserves_line_ends(field: Field, value: Value) -> bool:
    """Return whether an input would return a text unchanged: one of several lines replaces line ends by \\n."""
    if not isinstance(value, str) or field.kind != "string":
        return True
    return not ((field.multiline or "\n" in value) and _LINE_ENDS.intersection(value))


def misfit_reason(field: Field) -> str:
    """Return the reason of a `JsonNode` whose value does not match the field."""
    names = {"string": "text", "integer": "a whole number", "boolean": "yes or no", "map": "names and values"}
    kind = names.get(field.kind, f"{'an' if field.kind[0] in 'aeio' else 'a'} {field.kind}")
    return f"its value does not fit a field for {kind}"


NODES["json"] = JsonNode
