"""Pydantic models of drio's management API v1, for reading, creating and updating resources.

Names are camelCase in JSON and snake_case here. A kind of resource has up to three models, e.g. `Tool` as the API
returns it, `ToolCreate` as POST takes it, `ToolPatch` as PATCH takes it (absent = unchanged, null clears, objects
merge one level). What is marked *documented* is in the vendor's documentation (contract section 3); what is marked
*inferred* is our assumption, and has to be corrected here only.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from drio_tui.api.model_types import (
    ActionType,
    ApiModel,
    AppStatus,
    AuthStatus,
    BindingStatus,
    BindingType,
    BorderRadius,
    CallMode,
    DisplayMode,
    Headers,
    HexColor,
    HttpMethod,
    HttpUrl,
    Ids,
    IntegrationKind,
    JsonSchema,
    Key,
    Name,
    OperationPath,
    Order,
    Ownership,
    Primitive,
    ProviderKind,
    ProvisioningMode,
    Timestamp,
    ToolKind,
    Trigger,
    Visibility,
)

# --- app ------------------------------------------------------------------------------------------


class Branding(ApiModel):
    """Colours, font and corners of an app (documented)."""

    primary_color: str | None = None
    accent_color: str | None = None
    background_color: str | None = None
    font_family: str | None = None
    border_radius: BorderRadius | None = None


class BrandingInput(ApiModel):
    """Colours, font and corners of an app; colours in hexadecimal notation, such as `#0f172a`."""

    primary_color: HexColor | None = Field(None, description="Main colour.", examples=["#0f172a"])
    accent_color: HexColor | None = Field(None, description="Highlights and buttons.", examples=["#22c55e"])
    background_color: HexColor | None = Field(None, description="Behind everything.", examples=["#ffffff"])
    font_family: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description="Font family by name.", examples=["Geist"]
    )
    border_radius: BorderRadius | None = Field(None, description="How round corners are.", examples=["lg"])


class App(ApiModel):
    """An MCP app (documented)."""

    id: str
    name: str
    slug: str | None = None
    public_mcp_id: str | None = None
    description: str | None = None
    version: str | None = None
    status: AppStatus | None = None
    is_enabled: bool | None = None
    template_id: str | None = None
    company_url: str | None = None
    server_instructions: str | None = None
    branding: Branding | None = None


class AppCreate(ApiModel):
    """POST /apps (documented by example; which properties are required is inferred)."""

    template_id: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="The template to start from.", examples=["support"]
    )
    name: Name = Field(description="Shown to users.", examples=["Acme Support"])
    slug: Key | None = Field(None, description="Unique; made from the name when left out.", examples=["acme-support"])
    company_url: HttpUrl | None = Field(None, description="The company's site.", examples=["https://acme.com"])
    description: str | None = Field(None, description="What the app does, for users and models.")
    server_instructions: str | None = Field(None, description="Instructions for every model connected to the app.")
    branding: BrandingInput | None = None


class AppPatch(ApiModel, described_by=AppCreate):
    """PATCH /apps/{appId} (inferred: metadata and branding, branding merged per key)."""

    name: Name | None = None
    slug: Key | None = None
    company_url: HttpUrl | None = None
    description: str | None = None
    server_instructions: str | None = None
    is_enabled: bool | None = None
    branding: BrandingInput | None = None


# --- auth -----------------------------------------------------------------------------------------


class AuthProvider(ApiModel):
    """A way of authenticating to an upstream API (documented).

    `configSchema` describes the `config` of its connections; it may have `scopes`,
    `requiresAuthorizationEndpoint`, `requiresTokenEndpoint`, and may also be a JSON Schema.
    """

    id: str
    key: str
    name: str | None = None
    kind: ProviderKind | None = None
    ownership: Ownership | None = None
    provisioning_mode: ProvisioningMode | None = None
    docs_url: str | None = None
    config_schema: dict[str, Any] | None = None


class AuthConnection(ApiModel):
    """An app's connection to an upstream's authentication (documented)."""

    id: str
    name: str
    app_id: str | None = None
    provider_id: str | None = None
    provider_key: str | None = None
    provider_name: str | None = None
    key: str | None = None
    status: AuthStatus | None = None
    config: dict[str, Any] | None = None
    secret_ref: str | None = None
    grants: list[str] | None = None
    last_validated_at: Timestamp | None = None
    last_error: Any = None


class AuthConnectionCreate(ApiModel):
    """POST /apps/{appId}/auth (`providerKey` and `name` documented, the rest inferred)."""

    provider_key: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="The provider, by key.", examples=["custom-oauth"]
    )
    name: Name = Field(description="Shown to users.", examples=["Primary Auth"])
    key: Key | None = Field(None, description="Unique in the app; made from the name when left out.")
    config: dict[str, Any] | None = Field(None, description="What the provider's configSchema asks for.")
    secret_ref: str | None = Field(
        None, description="Where the secret is kept elsewhere, e.g. vault:crm/token; not the secret."
    )
    grants: list[str] | None = Field(None, description="What the connection is allowed.")


class AuthConnectionPatch(ApiModel, described_by=AuthConnectionCreate):
    """PATCH /apps/{appId}/auth/{authId} (inferred)."""

    name: Name | None = None
    key: Key | None = None
    config: dict[str, Any] | None = None
    secret_ref: str | None = None
    grants: list[str] | None = None


# --- integrations and operations ------------------------------------------------------------------


class Integration(ApiModel):
    """An upstream API (inferred). `config.headers` maps header names to values sent with every call."""

    id: str
    name: str
    app_id: str | None = None
    key: str | None = None
    kind: IntegrationKind | None = None
    base_url: str | None = None
    auth_id: str | None = None
    status: str | None = None
    config: dict[str, Any] | None = None


class IntegrationConfigInput(ApiModel):
    """An integration's config in a request (inferred); other properties are kept."""

    headers: Headers | None = Field(None, description="Sent with every call.")


class IntegrationCreate(ApiModel):
    """POST /apps/{appId}/integrations (inferred)."""

    name: Name = Field(description="Shown to users.", examples=["Acme CRM"])
    base_url: HttpUrl = Field(description="Operations' paths are added to this.", examples=["https://api.acme.com/v1"])
    kind: IntegrationKind | None = Field(None, description="How the upstream is spoken to.", examples=["rest"])
    key: Key | None = Field(None, description="Unique in the app; made from the name when left out.")
    auth_id: str | None = Field(None, description="The auth connection applied to every call.")
    config: IntegrationConfigInput | None = Field(None, description="`headers`: sent with every call.")


class IntegrationPatch(ApiModel, described_by=IntegrationCreate):
    """PATCH /apps/{appId}/integrations/{integrationId} (inferred)."""

    name: Name | None = None
    base_url: HttpUrl | None = None
    kind: IntegrationKind | None = None
    key: Key | None = None
    auth_id: str | None = None
    config: IntegrationConfigInput | None = None


class Operation(ApiModel):
    """One call of an integration's API (inferred). `path` may hold `{parameters}`."""

    id: str
    name: str
    app_id: str | None = None
    integration_id: str | None = None
    key: str | None = None
    description: str | None = None
    method: HttpMethod | None = None
    path: str | None = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    schema_hash: str | None = None


class OperationCreate(ApiModel):
    """POST /apps/{appId}/integrations/{integrationId}/operations (inferred)."""

    name: Name = Field(description="Shown to users.", examples=["Search contacts"])
    method: HttpMethod = Field(description="The HTTP method.", examples=["GET"])
    path: OperationPath = Field(description="Added to the base URL; `{name}` is a parameter.", examples=["/contacts"])
    key: Key | None = Field(None, description="Unique in the app; made from the name when left out.")
    description: str | None = Field(None, description="What the call does.")
    input_schema: JsonSchema | None = Field(None, description="JSON Schema of the call's arguments.")
    output_schema: JsonSchema | None = Field(None, description="JSON Schema of the response.")


class OperationPatch(ApiModel, described_by=OperationCreate):
    """PATCH /apps/{appId}/operations/{operationId} (inferred)."""

    name: Name | None = None
    method: HttpMethod | None = None
    path: OperationPath | None = None
    key: Key | None = None
    description: str | None = None
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None


# --- tools ----------------------------------------------------------------------------------------


class Binding(ApiModel):
    """What a tool calls (documented).

    `schemaHashAtBindTime` is the operation's schema hash when it was bound; when the operation's hash changes,
    `status` is no longer `ready` (inferred).
    """

    type: BindingType | None = None
    integration_operation_id: str | None = None
    schema_hash_at_bind_time: str | None = None
    status: BindingStatus | None = None


class BindingInput(ApiModel):
    """PUT …/binding (inferred: the bare binding; the server sets hash and status)."""

    type: BindingType = Field(description="What the tool is bound to.", examples=["integration_operation"])
    integration_operation_id: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="The operation it calls.", examples=["operation_123"]
    )
    schema_hash_at_bind_time: str | None = Field(None, description="Set by the server.")
    status: BindingStatus | None = Field(None, description="Set by the server.")


class Annotations(ApiModel):
    """MCP tool annotations: hints for clients, not promises (documented: `readOnlyHint`)."""

    title: str | None = None
    read_only_hint: bool | None = None
    destructive_hint: bool | None = None
    idempotent_hint: bool | None = None
    open_world_hint: bool | None = None


class Tool(ApiModel):
    """A tool that models can call (documented)."""

    id: str
    name: str
    app_id: str | None = None
    key: str | None = None
    description: str | None = None
    kind: ToolKind | None = None
    is_enabled: bool | None = None
    order: int | None = None
    annotations: Annotations | None = None
    binding: Binding | None = None
    next_tool_ids: list[str] | None = None
    widget_id: str | None = None


class ToolCreate(ApiModel):
    """POST /apps/{appId}/tools (documented by example; required properties inferred)."""

    name: Name = Field(description="Shown to users.", examples=["Search Contacts"])
    description: str | None = Field(None, description="Tells the model when to call it.")
    kind: ToolKind | None = Field(None, description="What the tool is.", examples=["function"])
    key: Key | None = Field(None, description="Unique in the app; made from the name when left out.")
    is_enabled: bool | None = Field(None, description="Offered to models; on unless said otherwise.")
    order: Order | None = Field(None, description="Place in the list; last unless said otherwise.")
    annotations: Annotations | None = Field(None, description="MCP tool annotations.")
    binding: BindingInput | None = Field(None, description="The operation it calls.")
    next_tool_ids: Ids | None = Field(None, description="The tools it hands its result to.")
    widget_id: str | None = Field(None, description="The widget that shows its result.")


class ToolPatch(ApiModel, described_by=ToolCreate):
    """PATCH /apps/{appId}/tools/{toolId} (inferred; binding and chain have separate routes)."""

    name: Name | None = None
    description: str | None = None
    kind: ToolKind | None = None
    key: Key | None = None
    is_enabled: bool | None = None
    order: Order | None = None
    annotations: Annotations | None = None
    widget_id: str | None = None


class ChainInput(ApiModel):
    """PUT …/chain (inferred): replaces the whole list; `[]` clears it."""

    next_tool_ids: Ids = Field(description="The tools it hands its result to.", examples=[["tool_456"]])


# --- widgets --------------------------------------------------------------------------------------


class WidgetAction(ApiModel):
    """What happens on an event in a widget (documented). `template` may hold `{{ path }}`."""

    trigger: Trigger | None = None
    type: ActionType | None = None
    template: str | None = None
    target_tool_id: str | None = None
    target_tool_name: str | None = None
    call_mode: CallMode | None = None


class WidgetActionInput(WidgetAction):
    """An action in a request."""

    trigger: Trigger = Field(description="The event.", examples=["row.select"])
    type: ActionType = Field(description="What to do.", examples=["callTool"])


class WidgetConfig(ApiModel):
    """How a widget shows a result (documented): JSONPath by field, values by style name."""

    field_mappings: dict[str, Any] | None = None
    style: dict[str, Any] | None = None


class Widget(ApiModel):
    """How a tool's result is shown (documented)."""

    id: str
    name: str
    app_id: str | None = None
    tool_id: str | None = None
    key: str | None = None
    primitive: Primitive | None = None
    display_mode: DisplayMode | None = None
    visibility: Visibility | None = None
    config: WidgetConfig | None = None
    actions: list[WidgetAction] | None = None


class WidgetCreate(ApiModel):
    """POST /apps/{appId}/widgets (inferred)."""

    tool_id: Annotated[str, StringConstraints(min_length=1)] = Field(description="The tool whose result it shows.")
    name: Name = Field(description="Shown to users.", examples=["Contact Table"])
    primitive: Primitive = Field(description="What it is drawn as.", examples=["data-table"])
    key: Key | None = Field(None, description="Unique in the app; made from the name when left out.")
    display_mode: DisplayMode | None = Field(None, description="Where a client shows it.", examples=["inline"])
    visibility: Visibility | None = Field(None, examples=["visible"])
    config: WidgetConfig | None = None
    actions: list[WidgetActionInput] | None = None


class WidgetPatch(ApiModel, described_by=WidgetCreate):
    """PATCH /apps/{appId}/widgets/{widgetId} (inferred; actions have a separate route)."""

    tool_id: Annotated[str, StringConstraints(min_length=1)] | None = None
    name: Name | None = None
    primitive: Primitive | None = None
    key: Key | None = None
    display_mode: DisplayMode | None = None
    visibility: Visibility | None = None
    config: WidgetConfig | None = None


class ActionsInput(ApiModel):
    """PUT …/actions (inferred): replaces the whole list."""

    actions: list[WidgetActionInput]


# --- the rest -------------------------------------------------------------------------------------


class TemplatePart(ApiModel):
    """One resource of a template (inferred): at least a name, and properties of its kind."""

    name: str
    key: str | None = None
    description: str | None = None


class Template(ApiModel):
    """A starting point for apps (only `id` `support` documented; the properties are inferred)."""

    id: str
    name: str
    description: str | None = None
    category: str | None = None
    tags: list[str] | None = None
    tools: list[TemplatePart] | None = None
    widgets: list[TemplatePart] | None = None
    auth: list[TemplatePart] | None = None
    integrations: list[TemplatePart] | None = None
    branding: Branding | None = None


class User(ApiModel):
    """The signed-in user (inferred from v2's `actor`)."""

    id: str
    email: str | None = None
    name: str | None = None
    image: str | None = None


class Config(ApiModel):
    """An app's whole authoring config (inferred): each part as its own route returns it."""

    app: App | None = None
    auth: list[AuthConnection] | None = None
    integrations: list[Integration] | None = None
    operations: list[Operation] | None = None
    tools: list[Tool] | None = None
    widgets: list[Widget] | None = None


class DeployResult(ApiModel):
    """POST /apps/{appId}/deploy (inferred): the app with its new version, and where it is live."""

    app: App
    endpoint: str | None = None


class ErrorBody(ApiModel):
    """The object in the error envelope (documented). `requestId` is a UUID."""

    code: str
    message: str
    details: Any = None
    request_id: str | None = None


class ErrorEnvelope(ApiModel):
    """The body of every error response (documented)."""

    error: ErrorBody
