"""The auth providers: the ways in which an app can authenticate to an upstream, and the config that each needs.

A provider's `configSchema` is a JSON Schema (2020-12) of the connection's `config`, plus the three properties
of the documented example (`scopes`, `requiresAuthorizationEndpoint`, `requiresTokenEndpoint`). Properties marked
`writeOnly` are secret: they are removed from `config`, stored separately, and never returned; `secretRef` is set
if there are any.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.problems import FieldError


@cache
def providers() -> dict[str, Document]:
    """Return every provider by key, as the API shows it."""
    documents = json.loads(files("drio_tui.sandbox").joinpath("catalogue", "providers.json").read_text("utf-8"))
    return {provider["key"]: provider for provider in documents}


def secret_properties(provider: Document) -> frozenset[str]:
    """Return the names of the secret properties of `config`."""
    schemas = provider["configSchema"]["properties"]
    return frozenset(name for name, schema in schemas.items() if schema.get("writeOnly"))


def split_config(provider: Document, config: Document) -> tuple[Document, Document]:
    """Return `config` without its secret properties, and the secret properties."""
    secret = secret_properties(provider)
    return (
        {name: value for name, value in config.items() if name not in secret},
        {name: value for name, value in config.items() if name in secret},
    )


def connection_status(provider: Document, config: Document, secrets: Document) -> tuple[str, list[FieldError]]:
    """Return the status of a connection with this config and these secrets, and why it is not `valid`.

    The status is `pending` if something required is missing, `invalid` if a value is invalid. Messages never
    quote a value.
    """
    from jsonschema import Draft202012Validator  # takes 0.15 s to import, needed only to write a connection

    missing: list[FieldError] = []
    invalid: list[FieldError] = []
    validator = Draft202012Validator(provider["configSchema"])
    for error in validator.iter_errors(config | secrets):
        path = ".".join(["config", *map(str, error.absolute_path)])
        if error.validator == "required":
            present = error.instance
            missing += [(f"{path}.{name}", "is missing") for name in error.validator_value if name not in present]
        elif error.validator == "minLength":
            missing.append((path, "is empty"))
        else:
            invalid.append((path, _MESSAGES.get(str(error.validator), "is not what the provider takes")))
    missing = sorted(set(missing))
    if invalid:
        return "invalid", sorted(invalid) + missing
    return ("pending", missing) if missing else ("valid", [])


_MESSAGES = {
    "type": "has the wrong type",
    "pattern": "has the wrong form",
    "enum": "is not one of the choices",
    "const": "does not belong to this provider",
}
