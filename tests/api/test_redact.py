"""Secrets are hidden in values to show, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.redact import HIDDEN, may_hold_secrets, redact, redact_headers
from drio_tui.api.secret_values import SECRET_VALUES, forms_of, replaced
from drio_tui.cassette.placeholders import Placeholders
from drio_tui.ui.editing.review_dialog import value_text
from tests.api.strategies import json_values

SECRET = "hunter2hunter2hunter2"
NAMES = [
    "clientSecret", "client_secret", "CLIENT-SECRET", "password", "accessToken", "refresh_token", "apiKey", "X-Api-Key",
    "x_api_key", "Authorization", "authorization", "Cookie", "privateKey", "secretAccessKey", "jwt", "token",
    "credentials", "passphrase", "code_verifier", "sessionId", "secrets", "apiKeys",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value", [SECRET, [SECRET], {"value": SECRET}, {"a": {"b": [SECRET]}}, {"properties": {"x": SECRET}}]
)
def test_values_of_secret_properties_are_hidden(name: str, value: Any) -> None:
    assert SECRET not in repr(redact([{"outer": {name: value}}]))
    assert may_hold_secrets([{"outer": {name: value}}])


@pytest.mark.parametrize(
    ("text", "is_hidden"),
    [
        (SECRET, True), (f"x-{SECRET}-y", True), ("pin 12 34?", True), ("pin%2012%2034%3F", True),
        ("pin+12+34%3F", True), ("an-pin 12 34?", False), ("short", False), ("hunter2", False),
    ],
)  # fmt: skip
def test_secret_of_this_process_is_hidden_wherever_it_occurs(text: str, is_hidden: bool) -> None:
    for secret in (SECRET, "pin 12 34?", "short"):
        SECRET_VALUES.add(secret)
    value = {"headers": {"X-Tenant": text}, "list": [text]}
    assert redact(value) == ({"headers": {"X-Tenant": redact(text)}, "list": [redact(text)]} if is_hidden else value)
    assert (HIDDEN in redact(text)) == is_hidden
    assert may_hold_secrets(value) == is_hidden
    assert dict(redact_headers({"X-Tenant": text})) == {"X-Tenant": redact(text)}
    assert SECRET_VALUES.hidden_in(value) == redact(value)
    assert (text in str(Placeholders().replace_known(value))) != is_hidden


@given(st.sampled_from(NAMES), json_values)
def test_no_string_or_number_in_a_secret_property_remains(name: str, value: Any) -> None:
    def leaves(item: Any) -> list[Any]:
        if isinstance(item, dict):
            return [leaf for inner in item.values() for leaf in leaves(inner)]
        return [leaf for inner in item for leaf in leaves(inner)] if isinstance(item, list) else [item]

    if name in ("secrets", "apiKeys") and isinstance(value, int | float):
        return  # a count
    remaining = leaves(redact({name: value}))
    assert all(leaf is None or isinstance(leaf, bool) or leaf == HIDDEN for leaf in remaining)


@pytest.mark.parametrize(
    "value",
    [
        {"secretRef": "vault://x", "tokenEndpoint": "https://x/token", "clientId": "c", "maxTokens": 4096},
        {"secretRef": "secret_ab12"},
        {"requiresToken": True, "password": None, "key": "primary-auth", "keyboard": "k", "code": "not_found"},
        {"type": "object", "properties": {"apiKey": {"type": "string", "description": "Your key."}, "n": {}}},
        [1, 2.5, "x", None, True, {"a": [[]]}],
        {"url": "https://example.com/a@b", "mail": "someone@example.com", "text": "the bearer of news"},
    ],
)  # fmt: skip
def test_other_values_are_unchanged(value: Any) -> None:
    assert redact(value) == value


@pytest.mark.parametrize("value", ["sk-live-0123456789abcdef", "hunter2", "eyJhbGciOi.eyJzdWIi.c2ln", "a b:c d"])
def test_secret_in_place_of_a_reference_is_hidden(value: str) -> None:
    assert redact({"secretRef": value}) == {"secretRef": HIDDEN}
    assert value_text(("secretRef",), value) == HIDDEN


def test_schema_of_a_secret_property_is_kept_without_values() -> None:
    schema = {"properties": {"apiKey": {"type": "string", "default": SECRET, "examples": [SECRET], "enum": [SECRET]}}}
    hidden = redact(schema)["properties"]["apiKey"]
    assert hidden["type"] == "string"
    assert SECRET not in repr(hidden)


def test_values_beside_secret_names_are_hidden() -> None:
    value = [
        {"name": "Authorization", "value": SECRET},
        {"key": "x-api-key", "value": SECRET},
        {"name": "a", "value": "b"},
    ]
    assert redact(value) == [
        {"name": "Authorization", "value": HIDDEN}, {"key": "x-api-key", "value": HIDDEN}, {"name": "a", "value": "b"},
    ]  # fmt: skip


def test_secrets_in_strings_are_hidden() -> None:
    assert redact({"note": f"send Bearer {SECRET} please"}) == {"note": f"send Bearer {HIDDEN} please"}
    assert redact(["postgres://user:pw12@host/db"]) == [f"postgres://user:{HIDDEN}@host/db"]


def test_the_longest_form_is_replaced_first_whichever_secret_it_is_of() -> None:
    forms = forms_of({"key one": "‹1›", "key": "‹2›", "key one more": "‹3›", "a&b": "‹4›", "26b%": "‹5›"})
    text = "key%20one%20more key+one+more key one key%20one key a%26b 26b%"
    assert replaced(text, forms) == "‹3› ‹3› ‹1› ‹1› ‹2› ‹4› ‹5›"
    assert [len(form) for form in forms] == sorted((len(form) for form in forms), reverse=True)


def test_code_and_state_are_hidden_in_oauth_messages_only() -> None:
    assert redact({"code": "abc", "state": "xyz"}) == {"code": "abc", "state": "xyz"}
    assert redact({"code": "abc", "state": "xyz"}, oauth=True) == {"code": HIDDEN, "state": HIDDEN}


def test_redact_does_not_change_its_argument() -> None:
    value = {"password": SECRET, "list": [{"token": SECRET}]}
    redact(value)
    assert value == {"password": SECRET, "list": [{"token": SECRET}]}


def test_secret_headers_are_hidden_in_any_case_and_order_is_kept() -> None:
    headers = [
        ("Authorization", "Bearer x"), ("accept", "a"), ("COOKIE", "c=1"), ("Set-Cookie", "a"), ("set-cookie", "b"),
        ("Proxy-Authorization", "Basic x"), ("X-Auth-Token", "t"), ("x-api-key", "k"), ("Accept", "b"),
    ]  # fmt: skip
    assert redact_headers(headers) == [(name, value if name.lower() == "accept" else HIDDEN) for name, value in headers]
    assert redact_headers({"Cookie": "x", "A": "b"}) == [("Cookie", HIDDEN), ("A", "b")]


@given(json_values)
def test_what_cannot_hold_secrets_is_not_changed(value: Any) -> None:
    assert may_hold_secrets(value) or redact(value) == value
