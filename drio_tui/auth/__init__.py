"""Signing in with OAuth: discovery, registration, the browser, stored tokens, and an `httpx.Auth` for the API client.

`flow.SignInFlow` gets a token set, `token_store.TokenStore` stores it, `bearer.bearer_for` attaches it to requests and
renews it, `logout.log_out` revokes it. `profiles.Profiles` has the hosts and accounts, and no secrets.
"""
