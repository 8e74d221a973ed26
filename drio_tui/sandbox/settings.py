"""The settings of one sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drio_tui.sandbox.secrets import SecretCipher, cipher_for
from drio_tui.urls import HELPDESK_PATH

API_PREFIX = "/api/v1"
UPSTREAM_PREFIX = HELPDESK_PATH


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one sandbox.

    `base_url` is the sandbox's own origin (`http://127.0.0.1:PORT`, no trailing slash), known before the app is
    created because the port is bound first. `database_url` replaces the file in `data_dir`. `max_body` is in
    bytes. `allow_private_egress` lets deployed apps call private, loopback and link-local addresses too.
    `secret_key_file` holds the key of the secrets, instead of the file in `data_dir`.
    """

    data_dir: Path
    base_url: str
    database_url: str | None = None
    max_body: int = 4 << 20
    example_app: bool = True
    allow_private_egress: bool = False
    secret_key_file: Path | None = None

    @property
    def cipher(self) -> SecretCipher:
        """The cipher that seals secrets."""
        return cipher_for(self.data_dir, self.secret_key_file)

    @property
    def api_url(self) -> str:
        """The base URL of the management API."""
        return self.base_url + API_PREFIX

    @property
    def upstream_url(self) -> str:
        """The base URL of the helpdesk, the upstream that templates can call without a network."""
        return self.base_url + UPSTREAM_PREFIX

    @property
    def target(self) -> str | Path:
        """The `target` for `Database`."""
        return self.database_url or self.data_dir
