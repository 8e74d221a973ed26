"""Signing in: discovery, registration, the browser, tokens kept and refreshed, one `httpx.Auth` for the client.

`flow.SignIn` gets a token set, `token_store.Vault` keeps it, `bearer.bearer_for` attaches it to requests and
renews it, `logout.log_out` gives it back. `profiles.Profiles` knows the hosts and accounts, nothing secret.
"""
