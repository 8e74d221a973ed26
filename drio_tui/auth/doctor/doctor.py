"""Runs the steps of the doctor, with the functions that the sign-in itself uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from drio_tui.api.errors import DrioError
from drio_tui.api.versions import describe_versions, find_versions
from drio_tui.auth import discovery
from drio_tui.auth.account import ask_with
from drio_tui.auth.browser import DesktopEnvironment
from drio_tui.auth.browser_step import TIMEOUT_SECONDS
from drio_tui.auth.discovery import AuthServer, ResourceMetadata
from drio_tui.auth.doctor import machine, network
from drio_tui.auth.doctor.report import Check, DoctorStep, Finding, Outcome, Redaction, Report
from drio_tui.auth.doctor.trial import Trial
from drio_tui.auth.errors import MetadataMismatch, PasteRefused, RegistrationUnavailable, SignInFailed
from drio_tui.auth.events import Event
from drio_tui.auth.oauth_http import OAuthExchange, OAuthHttpClient
from drio_tui.auth.profiles import Profile
from drio_tui.auth.tokens import Clock, SystemClock

STEPS = (
    DoctorStep("versions", "versions"),
    DoctorStep("terminal", "terminal"),
    DoctorStep("folders", "folders and file modes"),
    DoctorStep("keyring", "keyring"),
    DoctorStep("proxy", "proxy"),
    DoctorStep("certificates", "certificates"),
    DoctorStep("name", "name resolution", "RFC 3493 section 6.1", ("proxy",)),
    DoctorStep("connect", "connect", "RFC 9293 section 3.5", ("name",)),
    DoctorStep("tls", "TLS", "RFC 9110 section 4.3.4", ("connect",)),
    DoctorStep("request", "request without a token", "RFC 9728 section 5.1, RFC 6750 section 3", ("tls",)),
    DoctorStep("api", "API versions", "RFC 9745 section 2, RFC 8594 section 3", ("request",)),
    DoctorStep("clock", "clock", "RFC 9110 section 6.6.1", ("request",)),
    DoctorStep("resource-metadata", "protected-resource metadata", "RFC 9728 section 3.3", ("request",)),
    DoctorStep(
        "server-metadata", "authorization-server metadata", "RFC 8414 section 3, RFC 7636", ("resource-metadata",)
    ),
    DoctorStep("issuer", "issuer comparison", "RFC 8414 section 3.3", ("server-metadata",)),
    DoctorStep("registration", "registration", "RFC 7591 section 3", ("issuer",), signs_in=True),
    DoctorStep("stored-client", "stored registration", "RFC 6749 section 4.1.2.1", ("issuer",), signs_in=True),
    DoctorStep(
        "authorization",
        "authorization URL",
        "RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2",
        ("registration",),
        signs_in=True,
    ),
    DoctorStep(
        "callback", "callback", "RFC 6749 section 4.1.2, RFC 9207 section 2.4", ("authorization",), signs_in=True
    ),
    DoctorStep("token", "token", "RFC 6749 section 4.1.3, RFC 7636 section 4.5", ("callback",), signs_in=True),
    DoctorStep("account", "/me", "RFC 6750 section 2.1", ("token",), signs_in=True),
    DoctorStep("refresh", "refresh", "RFC 6749 section 6", ("token",), signs_in=True),
    DoctorStep("revocation", "revocation", "RFC 7009 section 2", ("token",), signs_in=True),
)
"""All steps in their order."""

NEEDS_CONSENT = "needs --sign-in"


class Doctor:
    """Examines the sign-in of one profile, without reading or changing its stored tokens.

    `before` is called before each step that runs, and may wait; `on_check` with each result, and once more when a step
    that was skipped runs later. `on_event` is called with the events of the browser part. Use it as an async context
    manager: at the end the tokens of a trial are revoked, whatever happened.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        insecure_storage: bool = False,
        before: Callable[[DoctorStep], Awaitable[None]] | None = None,
        on_check: Callable[[Check], None] = lambda _check: None,
        on_event: Callable[[Event], None] = lambda _event: None,
        open_browser: bool = True,
        timeout: float = TIMEOUT_SECONDS,
        consent_hint: str = NEEDS_CONSENT,
        clock: Clock | None = None,
        desktop: DesktopEnvironment | None = None,
    ) -> None:
        self.profile = profile
        self.redaction = Redaction()
        self.redaction.hide("account", profile.account, profile.account_id)
        self._insecure_storage = insecure_storage
        self._before = before
        self._on_check = on_check
        self._consent_hint = consent_hint
        self._clock = clock or SystemClock()
        self._checks: dict[str, Check] = {}
        self._blocking: set[str] = set()
        self._exchanges: list[OAuthExchange] = []
        self._date: tuple[str | None, float] = (None, 0.0)
        self._http = OAuthHttpClient(on_exchange=self._record)
        self._challenge: dict[str, str] = {}
        self._resource: ResourceMetadata | None = None
        self._server: AuthServer | None = None
        self._mismatch: MetadataMismatch | None = None
        self._trial: Trial | None = None
        self._new_trial = partial(
            Trial,
            profile,
            http=self._http,
            redaction=self.redaction,
            on_event=on_event,
            open_browser=open_browser,
            timeout=timeout,
            clock=self._clock,
            desktop=desktop,
        )

    async def __aenter__(self) -> Doctor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Revoke what a trial was granted, and close the connections."""
        if self._trial is not None:
            await self._trial.aclose()
        await self._http.aclose()

    @property
    def report(self) -> Report:
        """What was found until now."""
        checks = tuple(self._checks[step.id] for step in STEPS if step.id in self._checks)
        return Report(self.redaction.text(self.profile.base_url), checks)

    @property
    def can_sign_in(self) -> bool:
        """Whether a sign-in can be tried: the steps before it ran and did not fail."""
        return "issuer" in self._checks and not {"issuer", "registration"} & self._blocking

    def paste(self, text: str) -> None:
        """Use a pasted redirect URL as the callback of the trial. Raises `PasteRefused`."""
        if self._trial is None:
            raise PasteRefused("Sign-in has not come to the browser yet.", hint="Wait for the address to appear.")
        self._trial.browser.paste(text)

    async def run(self, *, sign_in: bool = False) -> Report:
        """Run the steps that have not run yet; with `sign_in` also those of a trial, whose tokens are not stored.

        The trial registers a separate client with the server, opens the browser, and revokes its tokens.
        """
        for step in STEPS:
            if step.id in self._checks and not (sign_in and step.signs_in):
                continue
            await self._run_step(step, sign_in)
        return self.report

    async def _run_step(self, step: DoctorStep, sign_in: bool) -> None:
        self._exchanges.clear()
        blocking = next((other for other in STEPS if other.id in step.needs and other.id in self._blocking), None)
        if blocking is not None:
            self._blocking.add(step.id)
            finding = Finding(f"needs {blocking.title}", Outcome.SKIPPED)
        elif step.signs_in and not sign_in:
            finding = self._without_consent(step)
        else:
            if self._before is not None:
                await self._before(step)
            finding = await self._finding(step)
        if finding.outcome == Outcome.FAILED:
            self._blocking.add(step.id)
        check = self.redaction.check(step, finding, self._exchanges)
        self._checks[step.id] = check
        self._on_check(check)

    def _without_consent(self, step: DoctorStep) -> Finding:
        if step.id == "registration" and not self.profile.client:
            server = self._found_server
            if server.registration_endpoint is None:
                return _failure(RegistrationUnavailable(f"{server.issuer} has no registration endpoint."))
            return Finding(f"offered at {server.registration_endpoint}; {self._consent_hint}", Outcome.SKIPPED)
        return Finding(self._consent_hint, Outcome.SKIPPED)

    async def _finding(self, step: DoctorStep) -> Finding:
        try:
            return await self._run(step)
        except DrioError as error:
            return _failure(error)

    async def _run(self, step: DoctorStep) -> Finding:
        if step.signs_in:
            if self._trial is None:
                found = discovery.make_discovery(
                    self.profile.base_url, self._challenge, self._resource, self._found_server
                )
                self._trial = self._new_trial(found)
            return await self._trial.run(step.id)
        base_url = self.profile.base_url
        match step.id:
            case "versions":
                return await asyncio.to_thread(machine.check_versions)
            case "terminal":
                return machine.check_terminal()
            case "folders":
                return await asyncio.to_thread(machine.check_folders)
            case "keyring":
                return await machine.check_keyring(insecure=self._insecure_storage or self.profile.pinned_file)
            case "proxy":
                return network.check_proxy(base_url)
            case "certificates":
                return await asyncio.to_thread(network.check_certificates, base_url)
            case "name" | "connect" | "tls":
                route = network.route_to(base_url)
                checks = {"name": network.check_name, "connect": network.check_connection, "tls": network.check_tls}
                return replace(await checks[step.id](route), url=f"{base_url}/me")
            case "request":
                return await self._request()
            case "api":
                return await self._api_versions()
            case "clock":
                return machine.check_clock(*self._date)
            case "resource-metadata":
                return await self._resource_metadata()
            case "server-metadata":
                return await self._server_metadata()
            case _:
                return self._issuer()

    # --- discovery -----------------------------------------------------------------------------

    async def _request(self) -> Finding:
        self._challenge = await discovery.fetch_challenge(self._http, self.profile.base_url)
        status = self._exchanges[-1].status
        if status != 401:
            return Finding(
                f"HTTP {status}, where a request without a token gets 401",
                Outcome.WARNING,
                expected="401",
                received=str(status),
                advice="Check that the base URL is a drio host, and that no proxy or portal answers instead.",
            )
        if "resource_metadata" not in self._challenge:
            return Finding(
                "401 without resource_metadata in WWW-Authenticate; the well-known paths are tried",
                Outcome.WARNING,
                expected="WWW-Authenticate: Bearer resource_metadata=…",
                received="no Bearer challenge" if not self._challenge else "a Bearer challenge without it",
                advice="Nothing to do here; the owner of the server can add it.",
            )
        return Finding(f"401, and names {self._challenge['resource_metadata']}")

    async def _api_versions(self) -> Finding:
        base_url, ask = self.profile.base_url, ask_with(self._http, self.profile)
        versions = await describe_versions(base_url, ask, await find_versions(base_url, ask))
        served = [versions[name] for name in versions.served]
        documents = [
            f"{version.name} is {version.title} {version.document_version}".rstrip()
            for version in served
            if version.title
        ]
        summary = "; ".join(filter(None, (versions.summary(), *documents))) or "not known: no response says it"
        if not versions.is_v1_gone:
            return Finding(summary)
        return Finding(
            summary,
            Outcome.WARNING,
            expected="v1",
            received=", ".join(versions.served) or "no version",
            advice="Editing needs v1. `drio-tui v3` reads a drio through v3, `drio-tui api` sends any request.",
        )

    async def _resource_metadata(self) -> Finding:
        self._resource = await discovery.fetch_resource_metadata(self._http, self.profile.base_url, self._challenge)
        if self._resource is None or not self._resource.servers:
            what = "none" if self._resource is None else "they name no authorization server"
            return Finding(
                f"{what}; the API's own host is asked (RFC 8414)",
                Outcome.WARNING,
                advice="Nothing to do here; the owner of the server can publish them.",
            )
        return Finding(
            f"signs users in at {self._resource.servers[0]}",
            expected=f"a resource that covers {self.profile.base_url}",
            received=self._resource.resource,
        )

    async def _server_metadata(self) -> Finding:
        try:
            self._server = await discovery.find_server(self._http, self.profile.base_url, self._resource)
        except MetadataMismatch as error:
            self._mismatch = error
            return Finding("found; see the issuer comparison")
        endpoints = ("authorization", "token", "registration", "revocation")
        missing = [name for name in endpoints if getattr(self._server, f"{name}_endpoint") is None]
        without = f", without {' and '.join(missing)} endpoint" if missing else ""
        return Finding(f"found, with PKCE S256{without}")

    def _issuer(self) -> Finding:
        if self._mismatch is not None:
            raise self._mismatch
        issuer = self._found_server.issuer
        asked = self._resource.servers[0] if self._resource is not None and self._resource.servers else issuer
        return Finding("is the one that was asked for", expected=asked, received=issuer)

    @property
    def _found_server(self) -> AuthServer:
        assert self._server is not None  # the step before it did not fail
        return self._server

    def _record(self, exchange: OAuthExchange) -> None:
        self._exchanges.append(exchange)
        if exchange.date is not None:
            self._date = (exchange.date, self._clock.wall())


def _failure(error: DrioError) -> Finding:
    expected, received = (error.expected, error.received) if isinstance(error, SignInFailed) else ("", "")
    summary = f"{error.title}: {error.message}" if error.message else error.title
    return Finding(summary, Outcome.FAILED, expected, received, error.hint or "")
