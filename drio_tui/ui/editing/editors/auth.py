"""The editor of an auth connection: its provider, the provider's configuration, the scopes, and the status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.schema.value_nodes import SecretNode
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.editing.editors.base import Editor, Notes, status_text
from drio_tui.ui.editing.editors.form_editor import FormEditor
from drio_tui.ui.editing.editors.tag_input import TagInput
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.snapshot import Resource

_STATUS = {"valid": "good", "pending": "warning", "invalid": "bad", "error": "bad"}
_LABELS = {
    "oauth": "OAuth", "apiKey": "API key", "api_key": "API key", "bearer": "bearer token", "basic": "name and password",
    "none": "no sign-in", "customer_managed": "you manage it", "drio_managed": "drio manages it",
    "manual": "set up by hand", "automatic": "set up by drio",
}  # fmt: skip
_UNSET = object()
_FLAGGED_FIELDS = {
    "authorizationEndpoint": ("Authorization endpoint", "requiresAuthorizationEndpoint"),
    "tokenEndpoint": ("Token endpoint", "requiresTokenEndpoint"),
}


class AuthEditor(FormEditor):
    """Edits `providerKey` and `config`: the provider, a form for its configuration, and the scopes.

    The provider is chosen once, when the connection is created. Secrets are never shown: a field labelled
    `unchanged` keeps its value on the server, one labelled `not set` has no value there.
    """

    properties = ("providerKey", "config")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "auth",
        "Auth connections",
        Key("auth.provider", "f6", "provider", "Provider", "Choose the provider of a new connection"),
    )

    # -- state ------------------------------------------------------------------------------------

    @property
    def is_new(self) -> bool:
        """Whether the connection does not exist yet, so that its provider can still be chosen."""
        return not isinstance(self.resource.get("id"), str)

    def reset(self) -> None:
        config = self.base.get("config")
        self._config: dict[str, Any] | None = config if isinstance(config, dict) else None
        self.provider = self._find_provider()
        self.scopes = self._loaded_scopes()
        self._scopes_removed = False
        self._make_model()

    def _find_provider(self) -> Resource | None:
        key, id = self.resource.get("providerKey"), self.resource.get("providerId")
        for provider in self.snapshot.resources("provider"):
            if (isinstance(id, str) and provider.id == id) or (isinstance(key, str) and provider.get("key") == key):
                return provider
        return None

    def _provider_schema(self) -> Mapping[str, Any]:
        schema = self.provider.get("configSchema") if self.provider is not None else None
        return schema if isinstance(schema, Mapping) else {}

    def _loaded_scopes(self) -> list[str]:
        scopes = (self._config or {}).get("scopes")
        if self._config is None and self.is_new:
            scopes = self._provider_scopes()
        return _texts(scopes)

    def _provider_scopes(self) -> list[str]:
        """Return the scopes that the provider lists, its defaults first."""
        schema = self._provider_schema()
        properties = schema.get("properties")
        described = properties.get("scopes") if isinstance(properties, Mapping) else None
        defaults = described.get("default") if isinstance(described, Mapping) else None
        return list(dict.fromkeys([*_texts(defaults), *_texts(schema.get("scopes"))]))

    @property
    def has_scopes(self) -> bool:
        """Whether the provider or the connection has scopes."""
        properties = self._provider_schema().get("properties")
        described = isinstance(properties, Mapping) and "scopes" in properties
        return described or bool(self._provider_schema().get("scopes")) or "scopes" in (self._config or {})

    def _make_model(self) -> None:
        """Set the form's model from the provider's schema, without the scopes, which have a separate field."""
        schema = dict(self._provider_schema())
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            properties = _flagged_properties(schema, self._config or {})
            schema["required"] = [name for name, (_, flag) in _FLAGGED_FIELDS.items() if schema.get(flag) is True]
        schema["properties"] = {name: inner for name, inner in properties.items() if name != "scopes"}
        required = schema.get("required")
        schema["required"] = [name for name in required if name != "scopes"] if isinstance(required, list) else []
        schema["type"] = "object"
        schema.pop("scopes", None)
        config = {name: value for name, value in (self._config or {}).items() if name != "scopes"}
        self.model = FormModel(SchemaReader(schema).field(schema), None if self.is_new else config)
        if self.is_new and config:
            self.model.assign({**self.model.value(), **config})
        if not self.is_new and self.resource.get("secretRef", "unknown") in (None, ""):
            for node in self._secret_nodes():
                node.kept = False

    def _secret_nodes(self) -> Iterator[SecretNode]:
        return (node for node in self.model.root.walk() if isinstance(node, SecretNode))

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        value: dict[str, Any] = {name: self.base[name] for name in ("providerKey",) if name in self.base}
        if self.is_new and self.provider is not None:
            value["providerKey"] = self.provider.text("key")
        config = dict(self.model.value(secrets=secrets))
        loaded = (self._config or {}).get("scopes", _UNSET)
        if self._config is not None and self.scopes == self._loaded_scopes():
            if loaded is not _UNSET:
                config["scopes"] = loaded
        elif self.has_scopes and (self.scopes or (loaded is not _UNSET and not self._scopes_removed)):
            config["scopes"] = list(self.scopes)
        if config or self._config is not None:
            value["config"] = config
        elif "config" in self.base:
            value["config"] = self.base["config"]
        return value

    def set_value(self, value: Mapping[str, Any]) -> None:
        config = value.get("config")
        current = self.value().get("providerKey")
        if not isinstance(config, dict) or value.get("providerKey", current) != current:
            Editor.set_value(self, value)
            self.replace_form()
            return
        self.scopes = _texts(config.get("scopes"))
        self._scopes_removed = "scopes" not in config
        self.model.assign({name: inner for name, inner in config.items() if name != "scopes"})
        self.rebuild_form()

    def validate(self) -> list[FieldError]:
        errors = [FieldError(f"config.{error.path}".rstrip("."), error.message) for error in self.model.check()]
        if self.is_new and self.provider is None:
            errors.append(FieldError("providerKey", "is required"))
        return [*errors, *self.server_errors]

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with Vertical(classes="-main"):
            yield Picker(self._provider_label(), classes="-search")
            yield TagInput("Scopes", self.scopes, self._scope_choices, id="scopes")
            yield self.make_form()
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def _provider_label(self) -> Content:
        if self.provider is None:
            key = self.resource.get("providerKey") or self.resource.get("providerName")
            if isinstance(key, str) and key:
                return Content.assemble(sanitize_line(key, 60), (" (not offered any more)", "$text-warning"))
            return Content.styled("choose a provider…", "$foreground-muted")
        return Content.assemble(
            sanitize_line(self.provider.name, 40, "bold"),
            "  ",
            sanitize_line(_provider_summary(self.provider), 60, "$foreground-muted"),
        )

    def _scope_choices(self) -> list[Choice[str]]:
        return [Choice(scope, scope, "offered by the provider") for scope in self._provider_scopes()]

    def show(self) -> None:
        self.query_one(Picker).show(self._provider_label())
        tag_input = self.query_one("#scopes", TagInput)
        tag_input.display = self.has_scopes
        if tag_input.tags != self.scopes:
            tag_input.set_tags(self.scopes)
        self.form.display = self.provider is not None or not self.is_new
        super().show()

    @property
    def _prefix(self) -> str:
        return "config."

    def focus_property(self, path: str) -> None:
        """Focus the field at a path; for `config` alone, the first required secret that has no value."""
        unset = (node for node in self._secret_nodes() if node.field.required and not node.kept and not node.typed_text)
        missing = next(unset, None) if path == "config" else None
        if missing is not None:
            self.form.show_node(missing)
        else:
            super().focus_property(path)

    def focus_first(self) -> None:
        """Focus the provider while none is chosen, since the other fields depend on it."""
        if self.is_new and self.provider is None:
            self.query_one(Picker).focus()
        else:
            super().focus_first()

    def notes(self) -> list[Content]:
        lines = super().notes()
        status = self.resource.get("status")
        lines.append(Content.styled("Status", "bold $text-primary"))
        if isinstance(status, str):
            lines.append(status_text(_STATUS.get(status, "warning"), status, 40))
        else:
            lines.append(Content.styled("It does not exist yet.", "$foreground-muted"))
        error = self.resource.get("lastError")
        text = error.get("message") if isinstance(error, Mapping) else error
        if isinstance(text, str) and text:
            lines += [Content.styled("Last error", "bold"), sanitize(text[:2000], "$text-error", multiline=True)]
        validated_at = self.resource.get("lastValidatedAt")
        if isinstance(validated_at, str):
            lines.append(Content.assemble(("Last checked ", "$foreground-muted"), sanitize_line(validated_at, 40)))
        secret = self.resource.get("secretRef")
        if isinstance(secret, str) and secret:
            lines.append(Content.styled("A secret is kept on the server; it is never shown.", "$foreground-muted"))
        if self.provider is not None:
            lines += [Content(), Content.styled("Provider", "bold $text-primary")]
            lines += [sanitize_line(_provider_summary(self.provider), 100)]
            link = self.provider.get("docsUrl")
            if isinstance(link, str):
                lines.append(sanitize_line(link, 200, "$text-accent"))
        if not self.is_new:
            note = "The provider was chosen when the connection was created, and cannot be changed."
            lines.append(Content.styled(note, "$foreground-muted"))
        return lines

    # -- editing ----------------------------------------------------------------------------------

    @on(Picker.Wanted)
    def _open_provider_list(self, event: Picker.Wanted) -> None:
        if event.picker.has_class("-search"):
            event.stop()
            self._choose_provider(event.typed)

    def action_provider(self) -> None:
        self._choose_provider("")

    def _choose_provider(self, typed: str) -> None:
        if not self.is_new:
            self.notify("The provider of a connection cannot be changed. Make a new connection.", markup=False)
            return
        providers = sorted(
            self.snapshot.resources("provider"),
            key=lambda provider: (provider.text("kind"), provider.text("ownership"), provider.name),
        )
        choices = [
            Choice(provider, provider.name, _provider_summary(provider))
            for provider in providers
            if provider.text("key")
        ]
        current = next((number for number, choice in enumerate(choices) if choice.value is self.provider), None)
        picker = self.query_one(Picker)
        self.app.push_screen(
            SelectDialog("Provider", choices, current=current, near=picker.region, typed=typed), self._provider_chosen
        )

    def _provider_chosen(self, choice: Choice[Resource] | None) -> None:
        if choice is None or choice.value is self.provider:
            return
        self.provider = choice.value
        self.scopes = self._loaded_scopes()
        self._make_model()
        self.replace_form()
        self.mark_changed()

    @on(TagInput.Changed)
    def _scopes_changed(self, event: TagInput.Changed) -> None:
        event.stop()
        self.scopes = list(event.tags)
        self._scopes_removed = False
        self.mark_changed()


def _texts(value: Any) -> list[str]:
    """Return the strings in a list; an empty list for any other value."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _provider_summary(provider: Resource) -> str:
    values = (provider.text(name) for name in ("kind", "ownership", "provisioningMode"))
    return " · ".join(_LABELS.get(value, value) for value in values if value)


def _flagged_properties(schema: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema's properties for a provider whose schema holds only flags, as in drio's example."""
    properties: dict[str, Any] = {
        name: {"type": "string", "format": "uri", "title": title}
        for name, (title, flag) in _FLAGGED_FIELDS.items()
        if schema.get(flag) is True or name in config
    }
    if properties or "clientId" in config:
        properties["clientId"] = {"type": "string", "title": "Client ID"}
        properties["clientSecret"] = {
            "type": "string",
            "title": "Client secret",
            "writeOnly": True,
            "format": "password",
        }
    return properties
