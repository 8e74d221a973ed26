"""The bodies of answers: each wraps what it carries under its name (contract 1.1)."""

from __future__ import annotations

from typing import Literal

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
    Wire,
)


class TemplateList(Wire):
    templates: list[Template]


class TemplateAnswer(Wire):
    template: Template


class UserAnswer(Wire):
    user: User


class AppList(Wire):
    apps: list[App]


class AppAnswer(Wire):
    app: App


class ConfigAnswer(Wire):
    config: Config


class AuthList(Wire):
    auth: list[AuthConnection]
    providers: list[AuthProvider]


class AuthAnswer(Wire):
    auth: AuthConnection


class IntegrationList(Wire):
    integrations: list[Integration]


class IntegrationAnswer(Wire):
    integration: Integration


class OperationList(Wire):
    operations: list[Operation]


class OperationAnswer(Wire):
    operation: Operation


class ToolList(Wire):
    tools: list[Tool]


class ToolAnswer(Wire):
    tool: Tool


class WidgetList(Wire):
    widgets: list[Widget]


class WidgetAnswer(Wire):
    widget: Widget


class DeployProblem(Wire):
    """What in one thing of the app could not work once it is deployed."""

    code: Literal["unbound_tool", "dangling_binding", "stale_binding", "broken_chain", "broken_action"]
    message: str
    kind: Literal["tool", "widget"]
    id: str
    name: str
    field: str


class DeployProblems(Wire):
    problems: list[DeployProblem]


class NotDeployableBody(ErrorBody):
    code: Literal["not_deployable"]
    details: DeployProblems


class NotDeployable(ErrorEnvelope):
    """The answer to a deploy that something in the app stands in the way of."""

    error: NotDeployableBody
