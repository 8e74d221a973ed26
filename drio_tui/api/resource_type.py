"""Resource types: what the client needs to list, read, create, update and delete resources of a kind."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import quote

from drio_tui.api.errors import NotDrio, UsageError
from drio_tui.api.shape_check import Shape, matches_shape

if TYPE_CHECKING:
    from pydantic import ValidationError

    from drio_tui.api.model_types import ApiModel

T = TypeVar("T", bound="ApiModel")


@dataclass(frozen=True, slots=True)
class ResourceType(Generic[T]):
    """One kind of resource in the API.

    `collection` and `item` are paths below `/api/v1` with `{app}`, `{parent}` and `{id}`. `list_key` and `item_key`
    are the properties of the envelope that hold the resources or the resource; `envelope_aliases` has other names that
    a server may use for `item_key`. `shape` allows to validate a resource without its model (see `shape_check`). Models
    are given by name and imported when used, since importing pydantic is slow.
    """

    name: str
    collection: str
    item: str
    list_key: str
    item_key: str
    model_name: str
    create_name: str | None = None
    patch_name: str | None = None
    deletable: bool = True
    envelope_aliases: tuple[str, ...] = ()
    shape: Shape | None = None

    @property
    def model(self) -> type[T]:
        """The model of a resource as read."""
        return cast("type[T]", _model(self.model_name))

    @property
    def create_model(self) -> type[ApiModel] | None:
        """The model of the body of POST, or None when such resources cannot be created."""
        return _model(self.create_name) if self.create_name else None

    @property
    def patch_model(self) -> type[ApiModel] | None:
        """The model of the body of PATCH, or None when such resources cannot be updated."""
        return _model(self.patch_name) if self.patch_name else None


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One resource as received: `raw` is its complete JSON object, `request_id` that of the response."""

    resource_type: ResourceType[T]
    raw: dict[str, Any]
    request_id: str | None = None

    @property
    def model(self) -> T:
        """The typed view of `raw`. Raises `NotDrio` with the first validation errors."""
        model = parse_item(self.resource_type, self.raw)
        if isinstance(model, InvalidItem):
            raise NotDrio(
                f"this {self.resource_type.name} is not as documented: {model.reason}", title="Unreadable data"
            )
        return model


@dataclass(frozen=True, slots=True)
class InvalidItem:
    """An item of a list that is not valid, and the `reason`. The other items of the list are not affected."""

    raw: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """The resources of a list in the server's order; `extra` has the other properties of the envelope."""

    resource_type: ResourceType[T]
    raw: list[Any]
    extra: dict[str, Any]
    request_id: str | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items that are JSON objects, valid or not, as received."""
        return [item for item in self.raw if isinstance(item, dict)]

    @property
    def models(self) -> list[T]:
        """The typed views of the valid items."""
        return [item for item in self if not isinstance(item, InvalidItem)]

    @property
    def degraded(self) -> list[InvalidItem]:
        """The items that are not valid."""
        return [item for item in self if isinstance(item, InvalidItem)]

    def __iter__(self) -> Iterator[T | InvalidItem]:
        """Iterate over all items in order, each as a model or an `InvalidItem`."""
        for raw in self.raw:
            yield parse_item(self.resource_type, raw)

    def __len__(self) -> int:
        return len(self.raw)


def parse_item(resource_type: ResourceType[T], raw: Any) -> T | InvalidItem:
    """Return the typed view of `raw`, or an `InvalidItem` with the reason."""
    from pydantic import ValidationError  # slow to import, and not needed by commands that print JSON unchanged

    if not isinstance(raw, dict):
        return InvalidItem(raw, f"expected an object, got {type(raw).__name__}")
    try:
        return resource_type.model.from_wire(raw)
    except ValidationError as error:
        return InvalidItem(raw, first_errors(error))
    except RecursionError:
        return InvalidItem(raw, "nested too deeply")


def first_errors(error: ValidationError) -> str:
    """Return the first errors of a validation in one line, e.g. `name: Input should be a valid string`."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)[:3]
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in errors)


def validation_error(resource_type: ResourceType[Any], raw: Any) -> str:
    """Return why `raw` is not a valid resource of this kind, e.g. `name: Input should be a valid string`; or ``."""
    if resource_type.shape is not None and matches_shape(raw, resource_type.shape):
        return ""
    model = parse_item(resource_type, raw)
    return model.reason if isinstance(model, InvalidItem) else ""


def path_of(template: str, **ids: str) -> str:
    """Return `template` with each `{name}` replaced by the id, percent-encoded once.

    Raises `UsageError` for ids that cannot be a path segment: empty, `.`, `..`, lone surrogates.
    """
    quoted: dict[str, str] = {}
    for name, value in ids.items():
        if value in ("", ".", ".."):
            raise UsageError(f"{value!r} cannot be an id")
        try:
            quoted[name] = quote(value, safe="")
        except UnicodeEncodeError as error:
            raise UsageError("an id holds half of a character (a lone surrogate)") from error
    return template.format(**quoted)


def _model(name: str) -> type[ApiModel]:
    return cast("type[ApiModel]", getattr(importlib.import_module("drio_tui.api.models"), name))
