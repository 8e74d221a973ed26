"""Which versions of the API a server serves, and what its OpenAPI documents say about them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from drio_tui.api.errors import ApiError, DrioError
from drio_tui.api.http import can_answer

if TYPE_CHECKING:
    from drio_tui.api.transport import Transport

State = Literal["served", "missing", "retired", "unknown"]
VERSIONS = ("v1", "v2", "v3")
_NONEXISTENT = "v0"  # a server that responds in the same way to this version says nothing about the others
_REFUSED = (401, 403)
_PROBE_SECONDS = 8.0
_DOCUMENT_SECONDS = 30.0
_METHODS = frozenset({"get", "put", "post", "delete", "patch"})


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version of the API: whether it is served, and what is said about it.

    `title` and `document_version` are those of its OpenAPI document. It `is_deprecated` by its document, or by a header
    (RFC 9745); `sunset` is the date on which it will no longer be served (RFC 8594), in ISO 8601. All may be empty.
    """

    name: str
    state: State = "unknown"
    title: str = ""
    document_version: str = ""
    is_deprecated: bool = False
    sunset: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "version": self.name,
            "state": self.state,
            "title": self.title or None,
            "documentVersion": self.document_version or None,
            "deprecated": self.is_deprecated,
            "sunset": self.sunset or None,
        }


@dataclass(frozen=True, slots=True)
class ApiVersions:
    """What is known about each of `VERSIONS`."""

    versions: tuple[ApiVersion, ...] = tuple(map(ApiVersion, VERSIONS))

    def __getitem__(self, name: str) -> ApiVersion:
        return next(version for version in self.versions if version.name == name)

    def with_version(self, version: ApiVersion) -> ApiVersions:
        """Return a copy with another entry of the same name."""
        return ApiVersions(tuple(version if old.name == version.name else old for old in self.versions))

    @property
    def served(self) -> tuple[str, ...]:
        """The names of the versions that are served, the oldest first."""
        return tuple(version.name for version in self.versions if version.state == "served")

    @property
    def newest(self) -> str | None:
        """The newest version that is served beside or instead of v1."""
        return next((name for name in reversed(self.served) if name != "v1"), None)

    @property
    def is_v1_gone(self) -> bool:
        """Whether it is known that v1 is not served, so that nothing can be edited."""
        return self["v1"].state in ("missing", "retired")

    def summary(self) -> str:
        """Return the versions in a few words, e.g. `API v1 (v3 available)`; empty if nothing is known."""
        others = " and ".join(name for name in self.served if name != "v1")
        v1 = self["v1"]
        if v1.state == "served":
            note = f" until {v1.sunset}" if v1.sunset else " deprecated" if v1.is_deprecated else ""
            return f"API v1{note}{f' ({others} available)' if others else ''}"
        if self.is_v1_gone:
            return f"API {others} only" if others else f"API v1 {v1.state}"
        return f"API {others}" if others else ""


@dataclass(frozen=True, slots=True)
class VersionResponse:
    """The response to one GET of the probe. `status` is None if there was none, or a success with something else than a
    JSON object; `headers` have lower-case names."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Any = None


Ask = Callable[[str], Awaitable[VersionResponse]]
"""Sends an anonymous GET to a path of the server's origin."""


def path_of_versions(base_url: str) -> str:
    """Return the path that the versions are below, `/api` for a `base_url` that ends in `/api/v1`."""
    return urlsplit(base_url).path.rstrip("/").removesuffix("/v1")


async def find_versions(base_url: str, ask: Ask, known: ApiVersions | None = None) -> ApiVersions:
    """Return which versions are served, by their lists of apps; those that are `known` already are not asked for.

    401 counts as served, unless every path requires a sign-in; 404 as missing, 410 as retired, and so does a 404 after
    the date of a `Sunset` header. Everything else (a page, 429, 5xx, no response) says nothing.
    """
    known = known or ApiVersions()
    root = path_of_versions(base_url)
    names = [version.name for version in known.versions if version.state == "unknown"]
    answers = await asyncio.gather(*(ask(f"{root}/{name}/apps") for name in names))
    control: int | None = None
    if any(answer.status in _REFUSED for answer in answers):
        control = (await ask(f"{root}/{_NONEXISTENT}/apps")).status
    for name, answer in zip(names, answers, strict=True):
        known = known.with_version(_version(name, answer, control))
    return known


def _version(name: str, answer: VersionResponse, control: int | None) -> ApiVersion:
    status = answer.status
    sunset = sunset_date(answer.headers)
    if status is None:
        return ApiVersion(name)
    if 200 <= status < 300 or (status in _REFUSED and status != control):
        return ApiVersion(name, "served", is_deprecated=is_deprecated(answer.headers), sunset=sunset)
    if status == 410 or (status == 404 and sunset and sunset <= datetime.now(UTC).date().isoformat()):
        return ApiVersion(name, "retired", sunset=sunset)
    return ApiVersion(name, "missing" if status == 404 else "unknown")


def is_deprecated(headers: Mapping[str, str]) -> bool:
    """Return whether the headers of a response say that its resource is deprecated (RFC 9745), or will be removed."""
    return bool(headers.get("deprecation", "").strip()) or bool(sunset_date(headers))


def sunset_date(headers: Mapping[str, str]) -> str:
    """Return the date of the `Sunset` header (RFC 8594) in ISO 8601; empty without a valid one."""
    try:
        return parsedate_to_datetime(headers.get("sunset", "")).astimezone(UTC).date().isoformat()
    except (ValueError, OverflowError):
        return ""


async def describe_versions(base_url: str, ask: Ask, versions: ApiVersions) -> ApiVersions:
    """Add to each version that is served what its OpenAPI document says: its own, or the one of all versions."""
    root = path_of_versions(base_url)
    names = versions.served
    answers = await asyncio.gather(*(ask(f"{root}/{name}/openapi.json") for name in names))
    documents = {name: answer.data for name, answer in zip(names, answers, strict=True) if answer.data is not None}
    if len(documents) < len(names):
        shared = (await ask(f"{root}/openapi.json")).data
        documents |= {name: shared for name in names if name not in documents and is_document_of(name, shared)}
    for name, document in documents.items():
        versions = versions.with_version(_described(versions[name], document))
    return versions


def is_document_of(name: str, document: Any) -> bool:
    """Return whether an OpenAPI document describes this version, by its servers and paths, else by its own version."""
    if not isinstance(document, dict):
        return False
    servers = document.get("servers")
    urls: Iterable[Any] = [server.get("url") for server in _objects(servers)]
    paths = document.get("paths")
    texts = [text for text in (*urls, *(paths if isinstance(paths, dict) else ())) if isinstance(text, str)]
    named = {match for text in texts for match in re.findall(r"/(v\d+)(?=/|$)", text)}
    return name in named if named else _text(_info(document), "version").lstrip("v").split(".")[0] == name[1:]


def _described(version: ApiVersion, document: Any) -> ApiVersion:
    if not isinstance(document, dict):
        return version
    info, paths = _info(document), document.get("paths")
    operations = [
        operation
        for item in _objects(list(paths.values()) if isinstance(paths, dict) else [])
        for method, operation in item.items()
        if method in _METHODS and isinstance(operation, dict)
    ]
    deprecated = bool(operations) and all(operation.get("deprecated") is True for operation in operations)
    return replace(
        version,
        title=_text(info, "title"),
        document_version=_text(info, "version"),
        is_deprecated=version.is_deprecated or deprecated,
    )


def _info(document: dict[str, Any]) -> dict[str, Any]:
    info = document.get("info")
    return info if isinstance(info, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(info: dict[str, Any], name: str) -> str:
    value = info.get(name)
    return value[:200] if isinstance(value, str) else ""


def version_of_envelope(envelope: Mapping[str, Any]) -> str | None:
    """Return the API version whose lists have this form: `items` with a cursor in v3, `data` with a page in v2."""
    if isinstance(envelope.get("items"), list):
        return "v3"
    return "v2" if isinstance(envelope.get("data"), list) else None


class VersionProbe:
    """Finds out which versions the server of one connection serves, once; concurrent callers share the requests.

    Nothing is asked of a sandbox, which serves v1 only, and nothing that a replayed cassette does not contain. Requests
    are anonymous and not repeated. `on_change` is called when more is known.
    """

    def __init__(self, transport: Transport) -> None:
        self.versions = ApiVersions()
        self.on_change: Callable[[ApiVersions], None] = lambda _versions: None
        self._transport = transport
        self._lock = asyncio.Lock()
        self._is_found = False
        self._is_described = False

    def confirm_v1(self, headers: Mapping[str, str]) -> None:
        """Note that v1 responded to a request, with these headers."""
        if self.versions["v1"].state != "served":
            deprecated, sunset = is_deprecated(headers), sunset_date(headers)
            self._set(self.versions.with_version(ApiVersion("v1", "served", is_deprecated=deprecated, sunset=sunset)))

    def note_v1_gone(self, state: Literal["missing", "retired"]) -> None:
        """Note that v1 is not served, or no longer."""
        if self.versions["v1"].state != state:
            self._set(self.versions.with_version(ApiVersion("v1", state)))

    async def find(self) -> ApiVersions:
        """Return which versions are served; what is not known by then is unknown."""
        async with self._lock:
            if not self._is_found:
                await self._find()
        return self.versions

    async def _find(self) -> None:
        if self._transport.is_sandbox:
            versions = self.versions
            for name in VERSIONS[1:]:
                versions = versions.with_version(ApiVersion(name, "missing"))
            self._is_found = self._is_described = True
            self._set(versions)
            return
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                found = await find_versions(self._transport.base_url, self._ask, self.versions)
        except TimeoutError:
            return  # it is asked again the next time
        v1 = self.versions["v1"]
        self._set(found if v1.state == "unknown" else found.with_version(v1))  # it may have responded meanwhile
        self._is_found = True

    async def describe(self) -> ApiVersions:
        """Return which versions are served, and what their documents say."""
        await self.find()
        async with self._lock:
            if self._is_found and not self._is_described:
                try:
                    async with asyncio.timeout(_DOCUMENT_SECONDS):
                        described = await describe_versions(self._transport.base_url, self._ask, self.versions)
                except TimeoutError:
                    return self.versions
                self._is_described = True
                self._set(described)
        return self.versions

    def _set(self, versions: ApiVersions) -> None:
        if versions != self.versions:
            self.versions = versions
            self.on_change(versions)

    async def _ask(self, path: str) -> VersionResponse:
        if not can_answer("GET", self._transport.url_at_origin(path)):
            return VersionResponse()
        try:
            reply = await self._transport.request("GET", path, anonymous=True, at_origin=True, probe=True)
        except ApiError as error:
            return VersionResponse(error.status, error.headers)
        except DrioError:
            return VersionResponse()
        is_object = isinstance(reply.data, dict)
        return VersionResponse(reply.status, reply.headers, reply.data) if is_object else VersionResponse()
