"""The models of the bodies and queries of the sandbox's own routes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from drio_tui.sandbox.mcp.call_log import MAX_CALLS


class RestoreInput(BaseModel):
    """The version to publish again; null or absent for the one before the live one."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    version: str | None = None


class RunInput(BaseModel):
    """The arguments of one call."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    arguments: dict[str, Any]


class AllowInput(BaseModel):
    """A host and port, such as `127.0.0.1:8000`."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    host: str = Field(max_length=300)


class FaultsInput(BaseModel):
    """Presets and rules to switch on and off, and the seed of their probabilities."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    on: list[str] = Field([], max_length=100)
    off: list[str] = Field([], max_length=100)
    seed: int | None = Field(None, ge=0, lt=1 << 53)


class AppQuery(BaseModel):
    """An app."""

    app: str


class CallsQuery(BaseModel):
    """Which requests are listed: those to one `app`, those `after` a number, at most `limit`."""

    app: str | None = None
    after: int = Field(0, ge=0)
    limit: int = Field(MAX_CALLS, ge=1, le=MAX_CALLS)
