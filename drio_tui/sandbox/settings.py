"""What one sandbox needs to know to start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drio_tui.sandbox.secrets import Vault, vault_in

API_PREFIX = "/api/v1"
UPSTREAM_PREFIX = "/upstream/helpdesk/v1"


@dataclass(frozen=True, slots=True)
class Settings:
    """`base_url` is the sandbox's own origin (`http://127.0.0.1:PORT`, no slash at its end), known before
    the app is made because the port is bound first. `database_url` takes the place of the file in
    `data_dir`. `max_body` is in bytes. `allow_private_egress` lets deployed apps call private, loopback and
    link-local addresses too. `secret_key_file` holds the key of the secrets in the place of the folder's own.
    """

    data_dir: Path
    base_url: str
    database_url: str | None = None
    max_body: int = 4 << 20
    example_app: bool = True
    allow_private_egress: bool = False
    secret_key_file: Path | None = None

    @property
    def vault(self) -> Vault:
        """What seals secrets."""
        return vault_in(self.data_dir, self.secret_key_file)

    @property
    def api_url(self) -> str:
        """The base of the management API."""
        return self.base_url + API_PREFIX

    @property
    def upstream_url(self) -> str:
        """The base of the helpdesk that templates can talk to without a network."""
        return self.base_url + UPSTREAM_PREFIX

    @property
    def target(self) -> str | Path:
        """What `Database` opens."""
        return self.database_url or self.data_dir
