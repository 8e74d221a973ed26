"""The vendor's documented examples are read by the models and written back unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drio_tui.api import json_codec, models
from drio_tui.api.errors import api_error
from drio_tui.api.model_types import ApiModel
from drio_tui.kinds import APP, AUTH, TOOL, WIDGET
from tests.api.conftest import Bench
from tests.api.fault_server import answer

EXAMPLES = Path(__file__).parent / "examples"


def example(name: str) -> Any:
    return json_codec.loads((EXAMPLES / f"{name}.json").read_bytes())


LISTS = [
    ("v1-apps-list.response", "apps", models.App),
    ("v1-auth-list.response", "auth", models.AuthConnection),
    ("v1-auth-list.response", "providers", models.AuthProvider),
    ("v1-tools-list.response", "tools", models.Tool),
    ("v1-widgets-list.response", "widgets", models.Widget),
]
OBJECTS = [
    ("v1-apps-create.request", None, models.AppCreate),
    ("v1-apps-create.response.PARTIAL", "app", models.App),
    ("v1-tools-create.request", None, models.ToolCreate),
    ("v1-tools-create.response.PARTIAL", "tool", models.Tool),
    ("v1-error.response", None, models.ErrorEnvelope),
]


@pytest.mark.parametrize(("name", "property_name", "model"), LISTS)
def test_resources_of_documented_lists_round_trip(name: str, property_name: str, model: type[ApiModel]) -> None:
    resources = example(name)[property_name]
    assert resources
    assert [model.from_wire(resource).to_wire() for resource in resources] == resources


@pytest.mark.parametrize(("name", "property_name", "model"), OBJECTS)
def test_documented_objects_round_trip(name: str, property_name: str | None, model: type[ApiModel]) -> None:
    raw = example(name) if property_name is None else example(name)[property_name]
    assert model.from_wire(raw).to_wire() == raw


def _unknown_properties(resource: ApiModel) -> dict[str, Any]:
    unknown = dict(resource.model_extra or {})
    for name in type(resource).model_fields:
        value = getattr(resource, name)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ApiModel):
                unknown |= _unknown_properties(inner)
    return unknown


@pytest.mark.parametrize(("name", "property_name", "model"), [*LISTS, *OBJECTS])
def test_every_documented_property_is_a_field_of_the_model(
    name: str, property_name: str | None, model: type[ApiModel]
) -> None:
    raw = example(name) if property_name is None else example(name)[property_name]
    for resource in raw if isinstance(raw, list) else [raw]:
        assert _unknown_properties(model.from_wire(resource)) == {}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_round_trips_through_the_json_codec(path: Path) -> None:
    assert json_codec.loads(json_codec.dumps(json_codec.loads(path.read_bytes()))) == json_codec.loads(
        path.read_bytes()
    )


async def test_documented_lists_are_read_by_the_client(bench: Bench) -> None:
    _, client = await bench.pair(
        *(answer(example(f"v1-{name}-list.response")) for name in ("apps", "auth", "tools", "widgets"))
    )
    (app,) = (await client.list(APP)).models
    auth = await client.list(AUTH, app=app.id)
    (tool,) = (await client.list(TOOL, app=app.id)).models
    (widget,) = (await client.list(WIDGET, app=app.id)).models
    assert auth.extra == {"providers": example("v1-auth-list.response")["providers"]}
    assert app.branding
    assert tool.binding
    assert widget.actions
    assert (app.branding.border_radius, auth.models[0].secret_ref) == ("lg", None)
    assert (tool.binding.integration_operation_id, widget.actions[0].target_tool_id) == ("operation_123", "tool_456")


def test_documented_error_is_read() -> None:
    error = api_error(400, example("v1-error.response"))
    assert (error.code, error.message, error.details, error.request_id) == (
        "string", "string", None, "d385ab22-0f51-4b97-9ecd-b8ff3fd4fcb6",
    )  # fmt: skip
