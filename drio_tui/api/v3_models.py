"""Pydantic models of what API v3 documents: tools, and the result of a validation. Names are snake_case in JSON too.

As with v1, unknown properties and enum values are kept, and nothing is coerced. Of no property is documented that it is
always there, so none is required but the id; which ones may be null is inferred.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class V3Model(BaseModel):
    """A JSON object of API v3. Unknown properties are kept in `model_extra`."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class V3Annotations(V3Model):
    """The hints of a tool."""

    title: str | None = None
    read_only_hint: bool | None = None
    destructive_hint: bool | None = None
    idempotent_hint: bool | None = None
    open_world_hint: bool | None = None


class V3Source(V3Model):
    """The operation that a tool is derived from."""

    type: str | None = None
    integration_id: str | None = None
    operation_id: str | None = None


class V3RuntimeStatus(V3Model):
    """Whether clients see a tool, and why not."""

    state: str | None = None
    reason: str | None = None


class V3Tool(V3Model):
    """A tool, as `GET …/tools` lists it."""

    id: str
    app_id: str | None = None
    key: str | None = None
    name: str | None = None
    description: str | None = None
    enabled: bool | None = None
    order: int | None = None
    annotations: V3Annotations | None = None
    source: V3Source | None = None
    runtime_status: V3RuntimeStatus | None = None
    widget_id: str | None = None


class V3Reference(V3Model):
    """What an issue is about."""

    entity_type: str | None = None
    entity_id: str | None = None
    label: str | None = None
    supporting_label: str | None = None
    description: str | None = None


class V3Issue(V3Model):
    """One problem of a draft."""

    code: str | None = None
    severity: str | None = None
    blocks_publish: bool | None = None
    message: str | None = None
    references: list[V3Reference] | None = None


class V3Validation(V3Model):
    """The result of `POST …/draft/validate`."""

    ok: bool
    error_count: int
    warning_count: int
    blocking_count: int
    issues: list[V3Issue]
