"""An auth connection: its provider, what that one wants to know, its scopes, and how it is doing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Reader
from drio_tui.schema.form import FormModel
from drio_tui.schema.leaves import SecretLeaf
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.editing.editors.base import Editor, Notes, verdict
from drio_tui.ui.editing.editors.form_editor import FormEditor
from drio_tui.ui.editing.editors.tag_input import Chips
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.model.snapshot import Resource

_TONES = {"valid": "good", "pending": "warning", "invalid": "bad", "error": "bad"}
_WORDS = {
    "oauth": "OAuth", "apiKey": "API key", "api_key": "API key", "bearer": "bearer token", "basic": "name and password",
    "none": "no sign-in", "customer_managed": "you manage it", "drio_managed": "drio manages it",
    "manual": "set up by hand", "automatic": "set up by drio",
}  # fmt: skip
_NOTHING = object()
_ASKED = {
    "authorizationEndpoint": ("Authorization endpoint", "requiresAuthorizationEndpoint"),
    "tokenEndpoint": ("Token endpoint", "requiresTokenEndpoint"),
}


class AuthEditor(FormEditor):
    """Provider, its form, scopes and state.

    The provider is chosen once, when the connection is made. Secrets are never shown: a field that says
    `unchanged` stays as it is on the server, one that says `not set` has no value there.
    """

    members = ("providerKey", "config")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "auth",
        "Auth connections",
        Key("auth.provider", "f6", "provider", "Provider", "Choose the provider of a new connection"),
    )

    # -- state ------------------------------------------------------------------------------------

    @property
    def is_new(self) -> bool:
        """Whether the connection does not exist yet, so that its provider can still be chosen."""
        return not isinstance(self.whole.get("id"), str)

    def reset(self) -> None:
        config = self.base.get("config")
        self._config: dict[str, Any] | None = config if isinstance(config, dict) else None
        self.provider = self._provider()
        self.scopes = self._base_scopes()
        self._without_scopes = False
        self._make()

    def _provider(self) -> Resource | None:
        key, id = self.whole.get("providerKey"), self.whole.get("providerId")
        for provider in self.snapshot.resources("provider"):
            if (isinstance(id, str) and provider.id == id) or (isinstance(key, str) and provider.get("key") == key):
                return provider
        return None

    def _schema(self) -> Mapping[str, Any]:
        found = self.provider.get("configSchema") if self.provider is not None else None
        return found if isinstance(found, Mapping) else {}

    def _base_scopes(self) -> list[str]:
        found = (self._config or {}).get("scopes")
        if self._config is None and self.is_new:
            found = self._offered()
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

    def _offered(self) -> list[str]:
        """The scopes that the provider knows, the usual ones first."""
        schema = self._schema()
        properties = schema.get("properties")
        described = properties.get("scopes") if isinstance(properties, Mapping) else None
        usual = described.get("default") if isinstance(described, Mapping) else None
        found: list[str] = []
        for some in (usual, schema.get("scopes")):
            found += [one for one in some if isinstance(one, str)] if isinstance(some, list) else []
        return list(dict.fromkeys(found))

    @property
    def has_scopes(self) -> bool:
        """Whether the provider, or the connection as it is, speaks of scopes."""
        properties = self._schema().get("properties")
        described = isinstance(properties, Mapping) and "scopes" in properties
        return described or bool(self._schema().get("scopes")) or "scopes" in (self._config or {})

    def _make(self) -> None:
        """A form for what the provider asks, but for scopes, which have their own place."""
        schema = dict(self._schema())
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            properties = _asked(schema, self._config or {})
            schema["required"] = [name for name, (_, flag) in _ASKED.items() if schema.get(flag) is True]
        schema["properties"] = {name: inner for name, inner in properties.items() if name != "scopes"}
        needed = schema.get("required")
        schema["required"] = [name for name in needed if name != "scopes"] if isinstance(needed, list) else []
        schema["type"] = "object"
        schema.pop("scopes", None)
        config = {name: value for name, value in (self._config or {}).items() if name != "scopes"}
        self.model = FormModel(Reader(schema).field(schema), None if self.is_new else config)
        if self.is_new and config:
            self.model.take({**self.model.value(), **config})
        if not self.is_new and self.whole.get("secretRef", "unknown") in (None, ""):
            for leaf in self._secrets():
                leaf.kept = False

    def _secrets(self) -> Iterator[SecretLeaf]:
        return (node for node in self.model.root.walk() if isinstance(node, SecretLeaf))

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        found: dict[str, Any] = {name: self.base[name] for name in ("providerKey",) if name in self.base}
        if self.is_new and self.provider is not None:
            found["providerKey"] = self.provider.text("key")
        config = dict(self.model.value(secrets=secrets))
        had = (self._config or {}).get("scopes", _NOTHING)
        if self._config is not None and self.scopes == self._base_scopes():
            if had is not _NOTHING:
                config["scopes"] = had
        elif self.has_scopes and (self.scopes or (had is not _NOTHING and not self._without_scopes)):
            config["scopes"] = list(self.scopes)
        if config or self._config is not None:
            found["config"] = config
        elif "config" in self.base:
            found["config"] = self.base["config"]
        return found

    def take(self, value: Mapping[str, Any]) -> None:
        config = value.get("config")
        now = self.value().get("providerKey")
        if not isinstance(config, dict) or value.get("providerKey", now) != now:
            Editor.take(self, value)
            self.renew()
            return
        scopes = config.get("scopes")
        self.scopes = [one for one in scopes if isinstance(one, str)] if isinstance(scopes, list) else []
        self._without_scopes = "scopes" not in config
        self.model.take({name: inner for name, inner in config.items() if name != "scopes"})
        self.retell()

    def problems(self) -> list[FieldError]:
        found = [FieldError(f"config.{error.path}".rstrip("."), error.message) for error in self.model.check()]
        if self.is_new and self.provider is None:
            found.append(FieldError("providerKey", "is required"))
        return [*found, *self.refused]

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Picker(self._shown(), classes="-search")
            yield Chips("Scopes", self.scopes, self._choices, id="scopes")
            yield self.new_form()
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def _shown(self) -> Content:
        if self.provider is None:
            key = self.whole.get("providerKey") or self.whole.get("providerName")
            if isinstance(key, str) and key:
                return Content.assemble(safe_line(key, 60), (" (not offered any more)", "$text-warning"))
            return Content.styled("choose a provider…", "$foreground-muted")
        return Content.assemble(
            safe_line(self.provider.name, 40, "bold"), "  ", safe_line(_about(self.provider), 60, "$foreground-muted")
        )

    def _choices(self) -> list[Choice[str]]:
        return [Choice(scope, scope, "offered by the provider") for scope in self._offered()]

    def show(self) -> None:
        self.query_one(Picker).show(self._shown())
        chips = self.query_one("#scopes", Chips)
        chips.display = self.has_scopes
        if chips.words != self.scopes:
            chips.put(self.scopes)
        self.form.display = self.provider is not None or not self.is_new
        super().show()

    @property
    def _prefix(self) -> str:
        return "config."

    def focus_member(self, path: str) -> None:
        """`config` alone stands for the first secret that is needed and was never given."""
        needed = (leaf for leaf in self._secrets() if leaf.field.required and not leaf.kept and not leaf.typed)
        missing = next(needed, None) if path == "config" else None
        if missing is not None:
            self.form.show_node(missing)
        else:
            super().focus_member(path)

    def focus_first(self) -> None:
        """What there is to fill in depends on the provider, so it comes first."""
        if self.is_new and self.provider is None:
            self.query_one(Picker).focus()
        else:
            super().focus_first()

    def notes(self) -> list[Content]:
        lines = super().notes()
        status = self.whole.get("status")
        lines.append(Content.styled("How it is doing", "bold $text-primary"))
        if isinstance(status, str):
            lines.append(verdict(_TONES.get(status, "warning"), status, 40))
        else:
            lines.append(Content.styled("It does not exist yet.", "$foreground-muted"))
        why = self.whole.get("lastError")
        text = why.get("message") if isinstance(why, Mapping) else why
        if isinstance(text, str) and text:
            lines += [Content.styled("Last error", "bold"), safe(text[:2000], "$text-error", multiline=True)]
        checked = self.whole.get("lastValidatedAt")
        if isinstance(checked, str):
            lines.append(Content.assemble(("Last checked ", "$foreground-muted"), safe_line(checked, 40)))
        secret = self.whole.get("secretRef")
        if isinstance(secret, str) and secret:
            lines.append(Content.styled("A secret is kept on the server; it is never shown.", "$foreground-muted"))
        if self.provider is not None:
            lines += [Content(), Content.styled("Provider", "bold $text-primary")]
            lines += [safe_line(_about(self.provider), 100)]
            link = self.provider.get("docsUrl")
            if isinstance(link, str):
                lines.append(safe_line(link, 200, "$text-accent"))
        if not self.is_new:
            note = "The provider was chosen when the connection was made and stays."
            lines.append(Content.styled(note, "$foreground-muted"))
        return lines

    # -- editing ----------------------------------------------------------------------------------

    @on(Picker.Wanted)
    def _open(self, event: Picker.Wanted) -> None:
        if event.picker.has_class("-search"):
            event.stop()
            self._choose(event.typed)

    def action_provider(self) -> None:
        self._choose("")

    def _choose(self, typed: str) -> None:
        if not self.is_new:
            self.notify("The provider of a connection cannot be changed. Make a new connection.", markup=False)
            return
        order = sorted(
            self.snapshot.resources("provider"), key=lambda one: (one.text("kind"), one.text("ownership"), one.name)
        )
        choices = [Choice(one, one.name, _about(one)) for one in order if one.text("key")]
        at = next((number for number, one in enumerate(choices) if one.value is self.provider), None)
        picker = self.query_one(Picker)
        self.app.push_screen(
            ChooserScreen("Provider", choices, current=at, near=picker.region, typed=typed), self._take
        )

    def _take(self, choice: Choice[Resource] | None) -> None:
        if choice is None or choice.value is self.provider:
            return
        self.provider = choice.value
        self.scopes = self._base_scopes()
        self._make()
        self.renew()
        self.changed()

    @on(Chips.Changed)
    def _scoped(self, event: Chips.Changed) -> None:
        event.stop()
        self.scopes = list(event.words)
        self._without_scopes = False
        self.changed()


def _about(provider: Resource) -> str:
    words = (provider.text(member) for member in ("kind", "ownership", "provisioningMode"))
    return " · ".join(_WORDS.get(word, word) for word in words if word)


def _asked(schema: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a provider whose schema is only flags, as in drio's own example."""
    asked: dict[str, Any] = {
        name: {"type": "string", "format": "uri", "title": title}
        for name, (title, flag) in _ASKED.items()
        if schema.get(flag) is True or name in config
    }
    if asked or "clientId" in config:
        asked["clientId"] = {"type": "string", "title": "Client ID"}
        asked["clientSecret"] = {"type": "string", "title": "Client secret", "writeOnly": True, "format": "password"}
    return asked
