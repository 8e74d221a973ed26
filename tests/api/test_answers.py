"""Responses: errors in both forms, responses that are not the API's, edge cases of JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from drio_tui.api import errors, json_codec
from drio_tui.api.errors import ApiError, NotDrio, OutcomeUnknown, UsageError
from drio_tui.api.exchange import Limits
from drio_tui.api.secret_values import HIDDEN, SECRET_VALUES
from drio_tui.kinds import APP, AUTH, TOOL
from drio_tui.text import visible
from tests.api.conftest import Bench
from tests.api.fault_server import answer, message, raw, status

NEW = {"templateId": "support", "name": "One"}
ONCE = Limits(retries=0)

# --- refusals -------------------------------------------------------------------------------------

STATUSES = [
    (400, errors.BadRequest), (401, errors.Unauthorized), (403, errors.Forbidden), (404, errors.NotFound),
    (409, errors.Conflict), (412, errors.PreconditionFailed), (413, errors.PayloadTooLarge),
    (415, errors.UnsupportedMediaType), (422, errors.Unprocessable), (429, errors.RateLimited),
    (431, errors.HeadersTooLarge), (500, errors.ServerError), (502, errors.ServerError), (503, errors.ServerError),
    (599, errors.ServerError), (418, ApiError), (451, ApiError), (999, errors.ServerError),
]  # fmt: skip


@pytest.mark.parametrize(("code", "kind"), STATUSES)
async def test_each_status_has_its_error_class_with_the_envelopes_properties(
    bench: Bench, code: int, kind: type[ApiError]
) -> None:
    """F06: also 413, 415 and 431."""
    envelope = {"code": "slug_taken", "message": "That slug is taken.", "details": {"slug": "x"}, "requestId": "r-77"}
    _, client = await bench.pair(status(code, error=envelope), limits=ONCE)
    with pytest.raises(ApiError) as caught:
        await client.list(APP)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.api_code, error.message, error.details, error.request_id) == (
        code, "slug_taken", "That slug is taken.", {"slug": "x"}, "r-77",
    )  # fmt: skip
    assert bench.exchanges[-1].request_id == "r-77"
    assert (bench.exchanges[-1].status, bench.exchanges[-1].error) == (code, None)


async def test_an_error_that_repeats_a_secret_is_kept_without_it(bench: Bench) -> None:
    SECRET_VALUES.add("hush-hush-hush")
    envelope = {"code": "bad_request", "message": "hush-hush-hush is no key", "details": {"given": "hush-hush-hush"}}
    _, client = await bench.pair(status(400, error=envelope), limits=ONCE)
    with pytest.raises(ApiError) as caught:
        await client.list(APP)
    assert caught.value.message == f"{HIDDEN} is no key"
    assert caught.value.details == {"given": HIDDEN}


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 412, 413, 414, 415, 422, 431])
async def test_error_statuses_are_not_retried(bench: Bench, code: int) -> None:
    """F03 F06."""
    server, client = await bench.pair(status(code))
    with pytest.raises(ApiError):
        await client.list(APP)
    assert [seen.target for seen in server.requests_seen].count("/api/v1/apps") == 1


@pytest.mark.parametrize("code", [400, 401, 403, 404, 408, 409, 413, 422, 429, 431, 501, 503])
async def test_refused_post_was_not_executed(bench: Bench, code: int) -> None:
    server, client = await bench.pair(status(code))
    with pytest.raises(ApiError) as caught:
        await client.create(APP, NEW)
    assert not caught.value.outcome_unknown
    assert [seen.method for seen in server.requests_seen].count("POST") == 1


@pytest.mark.parametrize("code", [500, 502, 504, 520])
async def test_server_error_of_a_post_keeps_the_message_and_has_an_unknown_outcome(bench: Bench, code: int) -> None:
    """F08."""
    server, client = await bench.pair(status(code))
    with pytest.raises(errors.ServerError, match=r"Some message\.") as caught:
        await client.create(APP, NEW)
    assert caught.value.outcome_unknown
    assert len(server.requests_seen) == 1


async def test_oauth_error_form_is_read(bench: Bench) -> None:
    body = {"error": "invalid_grant", "error_description": "The code was used."}
    _, client = await bench.pair(answer(body, status=400, headers=[("X-Request-Id", "r-9")]))
    with pytest.raises(errors.BadRequest, match=r"The code was used\.") as caught:
        await client.list(APP)
    assert (caught.value.code, caught.value.request_id) == ("invalid_grant", "r-9")


@pytest.mark.parametrize(
    "body",
    [
        [], "text", 3, {}, {"error": None}, {"error": []}, {"error": {}}, {"error": 7}, {"message": "x"},
        {"error": {"code": 5, "message": ["x"], "details": 1, "requestId": {}}}, {"error": "x", "error_description": 4},
    ],
)  # fmt: skip
async def test_error_body_of_any_form_gives_the_status(bench: Bench, body: Any) -> None:
    _, client = await bench.pair(answer(json_codec.dumps(body), status=409))
    with pytest.raises(errors.Conflict) as caught:
        await client.list(APP)
    assert caught.value.message
    assert json_codec.dumps(caught.value.as_dict())
    assert caught.value.field_errors == []
    assert caught.value.referrers == []


@pytest.mark.parametrize(
    "details",
    [
        {"fields": [{"path": "branding.primaryColor", "message": "not a colour"}]},
        [{"field": "branding.primaryColor", "message": "not a colour"}],
        [{"loc": ["body", "branding", "primaryColor"], "msg": "not a colour"}],
        {"errors": [{"path": ["branding", "primaryColor"], "message": "not a colour"}, "noise", {"path": 3}]},
    ],
)
async def test_field_errors_are_read_in_every_usual_form(bench: Bench, details: Any) -> None:
    """F01."""
    _, client = await bench.pair(status(422, error={"code": "invalid", "message": "No.", "details": details}))
    with pytest.raises(errors.Unprocessable) as caught:
        await client.create(APP, NEW)
    assert caught.value.field_errors == [errors.FieldError("branding.primaryColor", "not a colour")]


def test_field_called_body_keeps_its_name() -> None:
    error = errors.api_error(422, {"error": {"details": [{"loc": ["body", "body", 0], "msg": "no"}]}})
    assert error.field_errors == [errors.FieldError("body.0", "no")]


async def test_conflict_lists_the_referrers(bench: Bench) -> None:
    referrers = [{"kind": "tool", "id": "tool_1", "name": "Search", "field": "widgetId"}]
    _, client = await bench.pair(
        status(409, error={"code": "in_use", "message": "In use.", "details": {"referrers": [*referrers, 4]}})
    )
    with pytest.raises(errors.Conflict) as caught:
        await client.delete(TOOL, "tool_1", app="app_1")
    assert caught.value.referrers == referrers


# --- not the API ----------------------------------------------------------------------------------

PORTAL = "<!DOCTYPE html>\n<title>Free \x1b[31mWi-Fi\x07</title>"
NOT_DRIO = {
    "a captive portal": answer(PORTAL, media="text/html; charset=utf-8"),
    "JSON said to be HTML": answer({"apps": []}, media="text/html"),
    "no content type": answer({"apps": []}, media=None),
    "an image": answer(b"\x89PNG\r\n\x1a\n", media="image/png"),
    "nothing": answer(b""),
    "spaces": answer(b"  \n "),
    "null": answer(b"null"),
    "a list": answer(b"[]"),
    "a string": answer(b'"hello"'),
    "another object": answer(b'{"ok": true}'),
    "apps that are no list": answer(b'{"apps": {"id": "x"}}'),
    "no content": answer(b"", status=204, media=None),
    "not modified": answer(b"", status=304, media=None),
    "a redirect to nowhere": answer(b"", status=302, media=None),
}


@pytest.mark.parametrize("behaviour", NOT_DRIO.values(), ids=NOT_DRIO.keys())
async def test_response_that_is_not_the_apis_raises_not_drio_without_retries(bench: Bench, behaviour: Any) -> None:
    """F14."""
    server, client = await bench.pair(behaviour)
    with pytest.raises(NotDrio) as caught:
        await client.list(APP)
    assert caught.value.title == "This is not the drio API"
    assert len(server.requests_seen) == 1


@pytest.mark.parametrize("behaviour", NOT_DRIO.values(), ids=NOT_DRIO.keys())
async def test_response_that_is_not_the_apis_makes_the_outcome_of_a_change_unknown(
    bench: Bench, behaviour: Any
) -> None:
    server, client = await bench.pair(behaviour)
    for call in (client.create(APP, NEW), client.update(APP, "app_1", {"name": "Two"})):
        with pytest.raises(OutcomeUnknown):
            await call
    assert len(server.requests_seen) == 2


async def test_first_line_of_a_foreign_response_is_quoted_and_sanitized(bench: Bench) -> None:
    """F14."""
    _, client = await bench.pair(answer("\n\n\x1b]0;owned\x07Free \u202eWi-Fi\nmore", media="text/html\x1b[2J"))
    with pytest.raises(NotDrio) as caught:
        await client.list(APP)
    assert "␛]0;owned␇Free ‹U+202E›Wi-Fi" in caught.value.message
    assert "more" not in caught.value.message
    assert visible(caught.value.message) == caught.value.message


async def test_html_404_hints_at_the_base_url(bench: Bench) -> None:
    _, client = await bench.pair(answer("<h1>404</h1>", status=404, media="text/html"))
    with pytest.raises(errors.NotFound, match="<h1>404</h1>") as caught:
        await client.get(APP, "app_1")
    assert "base URL" in caught.value.hint


async def test_html_502_is_a_server_error_with_its_first_line(bench: Bench) -> None:
    server, client = await bench.pair(answer("<h1>Bad gateway</h1>", status=502, media="text/html"))
    with pytest.raises(errors.ServerError, match=r"HTTP 502.*Bad gateway"):
        await client.list(APP)
    assert len(server.requests_seen) == 4


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/hal+json"])
async def test_every_json_media_type_is_accepted(bench: Bench, media: str) -> None:
    _, client = await bench.pair(answer({"apps": []}, media=media))
    assert len(await client.list(APP)) == 0


@pytest.mark.parametrize(
    "behaviour",
    [answer(b"", status=204, media=None), answer(b""), answer({"ok": True}), answer(b"null"), answer(b"[1]")],
)
async def test_delete_succeeds_with_any_json_in_its_2xx(bench: Bench, behaviour: Any) -> None:
    server, client = await bench.pair(behaviour)
    await client.delete(TOOL, "tool_1", app="app_1")
    assert [(seen.method, seen.target) for seen in server.requests_seen] == [
        ("DELETE", "/api/v1/apps/app_1/tools/tool_1")
    ]


# --- JSON at its edges ----------------------------------------------------------------------------

MALFORMED = {
    "cut short": (b'{"apps": [', "line 1, column"),
    "two values": (b'{"apps": []} {}', "Extra data at line 1, column 14"),
    "single quotes": (b"{'apps': []}", "line 1, column 2"),
    "NaN": (b'{"apps": [NaN]}', "NaN is not JSON"),
    "Infinity": (b'{"apps": [-Infinity]}', "-Infinity is not JSON"),
    "a name twice": (b'{"apps": [], "apps": []}', "the name 'apps' occurs twice"),
    "a name twice deep down": (b'{"apps": [{"id": "a", "id": "b"}]}', "the name 'id' occurs twice"),
    "nested 10^5 deep": (b'{"apps": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "objects nested 10^5 deep": (b'{"apps": ' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "nested 600 deep": (b'{"apps": [], "x": ' + b"[" * 600 + b"]" * 600 + b"}", "nested too deeply"),
    "an int of 10^4 digits": (b'{"apps": [' + b"9" * 10_000 + b"]}", "more digits than can be read"),
    "an exponent of 20 digits": (b'{"apps": [1e99999999999999999999]}', "beyond what can be kept"),
    "not UTF-8": (b'{"apps": ["\xff\xfe\xfa"]}', "not utf-8 text at byte"),
    "a raw control character": (b'{"apps": ["\x00"]}', "Invalid control character"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_json_raises_with_position_or_reason(bench: Bench, body: bytes, reason: str) -> None:
    """F15."""
    _, client = await bench.pair(answer(body))
    with pytest.raises(NotDrio) as caught:
        await client.list(APP)
    assert reason in caught.value.message
    assert visible(caught.value.message) == caught.value.message


NUMBERS = [
    "9223372036854775808", "-9223372036854775809", "18446744073709551617", "1" * 4000, "0.1", "1e400", "-1E-400",
    "3.14159265358979323846264338327950288", "100000000000000000000000.000000000000001", "1.7976931348623159e308",
    "2.5", "1e5", "-0.0", "12345678901234567890.5",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
async def test_numbers_are_read_and_written_exactly(bench: Bench, number: str) -> None:
    """F15."""
    server, client = await bench.pair(
        answer('{"app": {"id": "a", "name": "n", "x": [' + number + "]}}"),
    )
    app = (await client.get(APP, "a")).model
    await client.update(APP, "a", {"x": app.to_wire()["x"]})
    sent = server.requests_seen[1].body.decode().removeprefix('{"x":[').removesuffix("]}")
    assert Decimal(sent) == Decimal(number)
    assert Decimal(sent).is_signed() == Decimal(number).is_signed()


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
async def test_every_json_encoding_is_read(bench: Bench, coding: str) -> None:
    """F15."""
    _, client = await bench.pair(answer('{"apps": [{"id": "a", "name": "Ünïcödé ☃"}]}'.encode(coding)))
    assert [app.name for app in (await client.list(APP)).models] == ["Ünïcödé ☃"]


async def test_lone_surrogate_is_read_and_sent_unchanged(bench: Bench) -> None:
    body = rb'{"apps": [{"id": "a", "name": "\ud800"}, {"id": "b", "name": "B"}]}'
    server, client = await bench.pair(answer(body), answer({"app": {"id": "a", "name": "n"}}))
    listing = await client.list(APP)
    assert [app.name for app in listing.models] == ["\ud800", "B"]
    await client.update(APP, "a", listing.models[0].to_wire())
    assert server.requests_seen[1].body == rb'{"id":"a","name":"\ud800"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), {1, 2}, b"x", object()])
async def test_non_json_values_are_refused_before_sending(bench: Bench, value: Any) -> None:
    server, client = await bench.pair()
    with pytest.raises(UsageError):
        await client.create(APP, {"name": value})
    assert server.requests_seen == []


async def test_invalid_items_of_a_list_are_reported_separately_with_a_reason(bench: Bench) -> None:
    """F22."""
    rows = [
        {"id": "a", "name": "A"},
        {"id": 5, "name": "B"},
        {"name": "C"},
        None,
        "x",
        {"id": "f", "name": "F", "branding": 3},
    ]
    _, client = await bench.pair(answer({"apps": rows, "page": {"next": None}}))
    listing = await client.list(APP)
    assert [app.id for app in listing.models] == ["a"]
    assert [item.raw for item in listing.degraded] == rows[1:]
    assert [item.reason.split(":")[0] for item in listing.degraded] == [
        "id", "id", "expected an object, got NoneType", "expected an object, got str", "branding",
    ]  # fmt: skip
    assert listing.extra == {"page": {"next": None}}


async def test_invalid_resource_is_kept_raw_and_its_model_raises(bench: Bench) -> None:
    _, client = await bench.pair(answer({"app": {"id": "a", "name": None, "extra": 1}}))
    item = await client.get(APP, "a")
    assert item.raw == {"id": "a", "name": None, "extra": 1}
    with pytest.raises(NotDrio, match="name: Input should be a valid string"):
        assert item.model


@pytest.mark.parametrize("body", [{"auth": {"id": "x"}}, {"authConnection": {"id": "x"}}, {"id": "x"}])
async def test_resource_is_found_under_each_envelope_name(bench: Bench, body: dict[str, Any]) -> None:
    _, client = await bench.pair(answer(body))
    assert (await client.get(AUTH, "x", app="app_1")).raw == {"id": "x"}


async def test_unusual_response_headers_are_accepted(bench: Bench) -> None:
    _, client = await bench.pair(
        raw(message({"apps": []}, headers=[("X-Request-Id", "\x1b[31mred\xff"), ("X-A", ""), ("X-A", "2")]), keep=True)
    )
    listing = await client.list(APP)
    assert visible(listing.request_id or "") == "␛[31mredÿ"
