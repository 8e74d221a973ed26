"""What the client has to know of a kind of resource to list, read, create, change and delete it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from urllib.parse import quote

from drio_tui.api.errors import NotDrio, UsageError
from drio_tui.api.shape_check import Shape, fits

if TYPE_CHECKING:
    from drio_tui.api.models import ApiModel

T = TypeVar("T", bound="ApiModel")


@dataclass(frozen=True, slots=True)
class ResourceType(Generic[T]):
    """One kind of resource on the wire.

    `collection` and `item` are paths below `/api/v1` with `{app}`, `{parent}` and `{id}`; `list_key` and
    `item_key` name the member of the envelope that holds the resources or the resource, `also` other names
    under which a server may give it, `shape` what can be told without a model.
    The models are named, not held, so that naming a kind is cheap.
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
    also: tuple[str, ...] = ()
    shape: Shape | None = None

    @property
    def model(self) -> type[T]:
        """The model of what is read."""
        return cast("type[T]", _model(self.model_name))

    @property
    def create_model(self) -> type[ApiModel] | None:
        """The model of the body of POST, or None when it cannot be created."""
        return _model(self.create_name) if self.create_name else None

    @property
    def patch_model(self) -> type[ApiModel] | None:
        """The model of the body of PATCH, or None when it cannot be changed."""
        return _model(self.patch_name) if self.patch_name else None


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One resource as it came: `raw` is its JSON object, whole; `request_id` the answer's."""

    resource_type: ResourceType[T]
    raw: dict[str, Any]
    request_id: str | None = None

    @property
    def model(self) -> T:
        """The typed view of `raw`. Raises `NotDrio` naming the first member that is not as documented."""
        model = typed(self.resource_type, self.raw)
        if isinstance(model, InvalidItem):
            raise NotDrio(
                f"this {self.resource_type.name} is not as documented: {model.reason}", title="Unreadable data"
            )
        return model


@dataclass(frozen=True, slots=True)
class InvalidItem:
    """A member of a list that is not as documented; shown with its `reason`, the others unaffected."""

    raw: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """The resources of a list in the server's order; `extra` holds the envelope's other members."""

    resource_type: ResourceType[T]
    raw: list[Any]
    extra: dict[str, Any]
    request_id: str | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        """Every member that is an object, readable or not, as it came."""
        return [item for item in self.raw if isinstance(item, dict)]

    @property
    def models(self) -> list[T]:
        """The typed views of the readable ones."""
        return [item for item in self if not isinstance(item, InvalidItem)]

    @property
    def degraded(self) -> list[InvalidItem]:
        """The ones that are not as documented."""
        return [item for item in self if isinstance(item, InvalidItem)]

    def __iter__(self) -> Iterator[T | InvalidItem]:
        """All, in order, each typed or degraded."""
        for raw in self.raw:
            yield typed(self.resource_type, raw)

    def __len__(self) -> int:
        return len(self.raw)


def typed(resource_type: ResourceType[T], raw: Any) -> T | InvalidItem:
    """The typed view of `raw`, or why there is none."""
    from pydantic import ValidationError  # only commands that look into the data pay for pydantic

    if not isinstance(raw, dict):
        return InvalidItem(raw, f"expected an object, got {type(raw).__name__}")
    try:
        return resource_type.model.from_wire(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)[:3]
        return InvalidItem(raw, "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems))
    except RecursionError:
        return InvalidItem(raw, "nested too deeply")


def why_degraded(resource_type: ResourceType[Any], raw: Any) -> str:
    """Why `raw` is not a resource of this kind as documented: `name: Input should be a valid string`, or ``."""
    if resource_type.shape is not None and fits(raw, resource_type.shape):
        return ""
    model = typed(resource_type, raw)
    return model.reason if isinstance(model, InvalidItem) else ""


def path_of(template: str, **ids: str) -> str:
    """`template` with each `{name}` replaced by the id, percent-encoded once.

    Raises `UsageError` for ids that no path segment can carry: empty, `.`, `..`, lone surrogates.
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
