"""The ways in which an app can authenticate to an upstream, and what each wants to know.

A provider's `configSchema` is a JSON Schema (2020-12) of the connection's `config`, with the three members
of the documented example (`scopes`, `requiresAuthorizationEndpoint`, `requiresTokenEndpoint`) beside it.
Members marked `writeOnly` are secret: they are taken out of `config` when they come, kept apart, and never
given back; `secretRef` says that there are some.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from drio_tui.sandbox.problems import Field

Document = dict[str, Any]


@cache
def providers() -> dict[str, Document]:
    """Every provider by key, as the API gives them."""
    found = json.loads(files("drio_tui.sandbox").joinpath("catalogue", "providers.json").read_text("utf-8"))
    return {provider["key"]: provider for provider in found}


def secret_members(provider: Document) -> frozenset[str]:
    """The members of `config` that are secret."""
    members = provider["configSchema"]["properties"]
    return frozenset(name for name, member in members.items() if member.get("writeOnly"))


def split(provider: Document, config: Document) -> tuple[Document, Document]:
    """`config` without its secret members, and those."""
    secret = secret_members(provider)
    return (
        {name: value for name, value in config.items() if name not in secret},
        {name: value for name, value in config.items() if name in secret},
    )


def verdict(provider: Document, config: Document, secrets: Document) -> tuple[str, list[Field]]:
    """The status of a connection with this config and these secrets, and why it is not `valid`.

    `pending` while something required is missing, `invalid` when something is wrong. Messages never quote
    a value.
    """
    from jsonschema import Draft202012Validator  # 0.15 s that only a write of a connection pays

    absent: list[Field] = []
    wrong: list[Field] = []
    validator = Draft202012Validator(provider["configSchema"])
    for error in validator.iter_errors(config | secrets):
        path = ".".join(["config", *map(str, error.absolute_path)])
        if error.validator == "required":
            given = error.instance
            absent += [(f"{path}.{name}", "is missing") for name in error.validator_value if name not in given]
        elif error.validator == "minLength":
            absent.append((path, "is empty"))
        else:
            wrong.append((path, _WRONG.get(str(error.validator), "is not what the provider takes")))
    absent = sorted(set(absent))
    if wrong:
        return "invalid", sorted(wrong) + absent
    return ("pending", absent) if absent else ("valid", [])


_WRONG = {
    "type": "has the wrong type",
    "pattern": "has the wrong form",
    "enum": "is not one of the choices",
    "const": "does not belong to this provider",
}
