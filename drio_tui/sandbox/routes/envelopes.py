"""The models of response bodies: each wraps its content in one named property (contract 1.1)."""

from __future__ import annotations

from typing import Literal

from drio_tui.api.model_types import ApiModel
from drio_tui.api.models import (
    App,
    AuthConnection,
    AuthProvider,
    Config,
    ErrorBody,
    ErrorEnvelope,
    Integration,
    Operation,
    Template,
    Tool,
    User,
    Widget,
)


class TemplateList(ApiModel):
    templates: list[Template]


class TemplateAnswer(ApiModel):
    template: Template


class UserAnswer(ApiModel):
    user: User


class AppList(ApiModel):
    apps: list[App]


class AppAnswer(ApiModel):
    app: App


class ConfigAnswer(ApiModel):
    config: Config


class AuthList(ApiModel):
    auth: list[AuthConnection]
    providers: list[AuthProvider]


class AuthAnswer(ApiModel):
    auth: AuthConnection


class IntegrationList(ApiModel):
    integrations: list[Integration]


class IntegrationAnswer(ApiModel):
    integration: Integration


class OperationList(ApiModel):
    operations: list[Operation]


class OperationAnswer(ApiModel):
    operation: Operation


class ToolList(ApiModel):
    tools: list[Tool]


class ToolAnswer(ApiModel):
    tool: Tool


class WidgetList(ApiModel):
    widgets: list[Widget]


class WidgetAnswer(ApiModel):
    widget: Widget


class DeployProblem(ApiModel):
    """What in one resource of the app could not work once it is deployed."""

    code: Literal["unbound_tool", "dangling_binding", "stale_binding", "broken_chain", "broken_action"]
    message: str
    kind: Literal["tool", "widget"]
    id: str
    name: str
    field: str


class DeployProblems(ApiModel):
    problems: list[DeployProblem]


class NotDeployableBody(ErrorBody):
    code: Literal["not_deployable"]
    details: DeployProblems


class NotDeployable(ErrorEnvelope):
    """The response to a deploy that something in the app prevents."""

    error: NotDeployableBody
