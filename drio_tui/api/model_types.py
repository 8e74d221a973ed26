"""The base of the models of drio's API, and the types of their properties.

Reading is lenient about unknown data and strict about known data: unknown properties are kept at every level, unknown
enum values are kept verbatim, but a number where a string is expected is an error of that one object. Nothing is
coerced, so `to_wire` returns the JSON that was read.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from drio_tui.api import patterns


class ApiModel(BaseModel):
    """A JSON object of the API. Unknown properties are kept in `model_extra` and written back."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,  # a snake_case property is an unknown one, not a field of the model
        serialize_by_alias=True,
        extra="allow",
        strict=True,
        protected_namespaces=(),
        defer_build=True,  # until the model is first used: building all of them takes 30 ms of a start
        field_title_generator=lambda name, _info: name.replace("_", " ").capitalize(),
    )

    def __init_subclass__(cls, described_by: type[ApiModel] | None = None, **kwargs: Any) -> None:
        """Give each optional field the description and examples of the same field of `described_by`."""
        super().__init_subclass__(**kwargs)
        if described_by is None:
            return
        for name in cls.__annotations__:
            field = described_by.model_fields.get(name)
            if field is not None and cls.__dict__.get(name, ...) is None:
                setattr(cls, name, Field(None, description=field.description, examples=field.examples))

    @model_validator(mode="wrap")
    @classmethod
    def _unset_fields_not_in_json(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Correct the set fields: for an unknown property `app_id`, pydantic marks the field of that name as set.

        `to_wire` would then write `appId` too.
        """
        model = handler(raw)
        extra = model.__pydantic_extra__
        if extra and isinstance(raw, dict):
            for name in extra.keys() & cls.model_fields.keys():
                if cls.model_fields[name].alias not in raw:
                    model.__pydantic_fields_set__.discard(name)
        return model

    @classmethod
    def from_wire(cls, raw: Any) -> Self:
        """Return the model of a parsed JSON object. Raises pydantic's `ValidationError`."""
        return cls.model_validate(raw)

    @classmethod
    def new(cls, **fields: Any) -> Self:
        """Return a model from snake_case field names."""
        return cls.model_validate(fields, by_alias=False, by_name=True)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object: only properties that were read or set, including unknown ones."""
        return self.model_dump(mode="python", by_alias=True, exclude_unset=True)


def open_enum(*known: str) -> Any:
    """Return an annotation for a string with known values: the schema lists them, but any other value is valid too."""
    return WithJsonSchema(
        {
            "anyOf": [{"type": "string", "enum": list(known)}, {"type": "string"}],
            "x-known-values": list(known),
        }
    )


AppStatus = Annotated[str, open_enum("draft", "published", "archived")]
AuthStatus = Annotated[str, open_enum("valid", "pending", "invalid", "error")]
ProviderKind = Annotated[str, open_enum("oauth", "apiKey", "bearer", "basic", "none")]
Ownership = Annotated[str, open_enum("customer_managed", "drio_managed")]
ProvisioningMode = Annotated[str, open_enum("manual", "automatic")]
IntegrationKind = Annotated[str, open_enum("rest")]
HttpMethod = Annotated[str, open_enum("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")]
ToolKind = Annotated[str, open_enum("function")]
BindingType = Annotated[str, open_enum("integration_operation")]
BindingStatus = Annotated[str, open_enum("ready", "stale", "missing", "unbound")]
PRIMITIVES = (
    "data-table", "card", "card-grid", "list", "detail", "form", "chart", "text", "metric", "timeline", "image",
)  # fmt: skip
Primitive = Annotated[str, open_enum(*PRIMITIVES)]
DisplayMode = Annotated[str, open_enum("inline", "fullscreen", "pip")]
Visibility = Annotated[str, open_enum("visible", "hidden")]
Trigger = Annotated[str, open_enum("row.select", "button.click", "form.submit", "card.select")]
ActionType = Annotated[str, open_enum("callTool", "sendMessage", "openUrl")]
CallMode = Annotated[str, open_enum("once", "always")]
BorderRadius = Annotated[str, open_enum("none", "sm", "md", "lg", "xl", "full")]

# Constraints of requests; responses need not satisfy them.


def _require_valid_ipv6(url: str) -> str:
    """Return `url`. Raises ValueError if it has brackets without an IPv6 address in them."""
    if "[" in url:
        ipaddress.IPv6Address(url[url.index("[") + 1 : url.index("]")])
    return url


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=patterns.NAME)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=patterns.KEY)]
HexColor = Annotated[
    str,
    StringConstraints(pattern=patterns.HEX_COLOR),
    Field(json_schema_extra={"format": "color"}),
]
HttpUrl = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=patterns.HTTP_URL),
    AfterValidator(_require_valid_ipv6),
    Field(json_schema_extra={"format": "uri"}),
]
OperationPath = Annotated[str, StringConstraints(max_length=2000, pattern=patterns.OPERATION_PATH)]


def _to_integer(number: Any) -> Any:
    """Return `1.0` as `1`: JSON does not distinguish integers."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Order = Annotated[int, Field(ge=0, le=2**31 - 1), BeforeValidator(_to_integer)]
Ids = Annotated[list[str], Field(json_schema_extra={"uniqueItems": True})]
HeaderName = Annotated[str, StringConstraints(pattern=patterns.HEADER_NAME)]
HeaderValue = Annotated[str, StringConstraints(max_length=4000, pattern=patterns.HEADER_VALUE)]
Headers = Annotated[dict[HeaderName, HeaderValue], Field(json_schema_extra={"additionalProperties": False})]
JsonSchema = Annotated[dict[str, Any], Field(json_schema_extra={"format": "json-schema"})]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
