"""What is known of AI clients: how each lists a tool, and the rules by which it refuses or changes one.

Vendors document little of this. Each statement has its source, and its basis: *documented* by the vendor, *observed*
(what a client or its API did, in a public report), or *inferred* from how clients work. The sources were read on
2026-11-29.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drio_tui.workspace.lint.resource_checks import Rule

Basis = Literal["documented", "observed", "inferred"]

CHATGPT, CLAUDE, CURSOR = "chatgpt", "claude", "cursor"
_ALL = (CHATGPT, CLAUDE, CURSOR)

_APPS_SDK = "https://developers.openai.com/apps-sdk/reference"
_APPS_REVIEW = "https://github.com/openai/plugins (mcp-tool-hint-justifications)"
_CLAUDE_CODE = "https://code.claude.com/docs/en/mcp"
_CLAUDE_TOOLS = "https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools"
_CLAUDE_DIRECTORY = "https://support.claude.com/en/articles/12922490-remote-mcp-server-submission-guide"
_JSON_SCHEMA = "https://json-schema.org/draft/2020-12/json-schema-validation"
_GEMINI_IN_CURSOR = "https://github.com/hyperdxio/hyperdx/issues/2967"

LONGEST_FOR_CURSOR = 59
"""The most characters of a server's and a tool's name together that Cursor does not leave out."""
LONGEST_FOR_OPENAI = 1024
"""The most characters of a description that OpenAI's API takes."""
LONGEST_FOR_CLAUDE = 2048
"""The most characters of a description that Claude Code passes on."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a client does with a part of a tool."""

    text: str
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class Client:
    """An AI client. `name` is the value of `--client`.

    `listed_as` is the name that its model reads, with `{server}` and `{tool}`. A description that is longer than
    `longest_description` is truncated. `annotations` are those that it is known to read. `facts` are about the tool's
    name, description, schema and annotations, by these words.
    """

    name: str
    title: str
    listed_as: str
    annotations: tuple[str, ...]
    facts: dict[str, Fact]
    longest_description: int | None = None


CLIENTS: dict[str, Client] = {
    CHATGPT: Client(
        CHATGPT,
        "ChatGPT",
        "{tool}",
        ("readOnlyHint", "destructiveHint", "openWorldHint"),
        {
            "name": Fact("The name as it is, beside that of the app. Users see the title.", "inferred", _APPS_SDK),
            "description": Fact("As it is.", "inferred", _APPS_SDK),
            "schema": Fact("As it is.", "inferred", _APPS_SDK),
            "annotations": Fact(
                "With “Only reads” it calls the tool without asking. The widget comes from _meta: "
                "openai/outputTemplate, and texts of up to 64 characters while it runs.",
                "documented",
                _APPS_SDK,
            ),
        },
    ),
    CLAUDE: Client(
        CLAUDE,
        "Claude",
        "mcp__{server}__{tool}",
        ("title", "readOnlyHint", "destructiveHint"),
        {
            "name": Fact(
                "Claude Code puts the server's name before it, and leaves out a name of more than 128 characters "
                "(64 early in 2026). claude.ai shows the title.",
                "documented",
                _CLAUDE_CODE,
            ),
            "description": Fact("Claude Code truncates it at 2 KB.", "documented", _CLAUDE_CODE),
            "schema": Fact(
                "As it is; local connectors of Claude Desktop were seen to drop $ref and $defs.",
                "observed",
                "https://github.com/anthropics/claude-ai-mcp/issues/591",
            ),
            "annotations": Fact(
                "With “Only reads” it may run without a question; “Can destroy” always asks.",
                "documented",
                _CLAUDE_DIRECTORY,
            ),
        },
        LONGEST_FOR_CLAUDE,
    ),
    CURSOR: Client(
        CURSOR,
        "Cursor",
        "mcp_{server}_{tool}",
        ("readOnlyHint",),
        {
            "name": Fact(
                "It puts the server's name of its config before it, and leaves out a tool whose name and the "
                "server's have 60 characters or more together.",
                "observed",
                "https://github.com/ComposioHQ/composio/issues/2788",
            ),
            "description": Fact("As it is.", "inferred", "https://cursor.com/docs/context/mcp"),
            "schema": Fact(
                "As it is, to whichever vendor's model the user chose: Gemini's and xAI's refuse more than others.",
                "observed",
                _GEMINI_IN_CURSOR,
            ),
            "annotations": Fact(
                "Its Ask mode offers only tools that say that they only read.",
                "observed",
                "https://github.com/sourcebot-dev/sourcebot/pull/1013",
            ),
        },
    ),
}
"""The clients by name, the most used ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRule(Rule):
    """A rule of clients. `severity` is that in a preflight, where one client's refusal does not block a deploy.

    `refused_by` names the clients that leave the tool out, or refuse all tools because of it; `worse_in` those in which
    it works, but not well. With `review`, it is only asked of apps that are submitted to a directory. What is not
    `in_preflight` is left to `lint`.
    """

    basis: Basis
    source: str
    refused_by: tuple[str, ...] = ()
    worse_in: tuple[str, ...] = ()
    review: bool = False
    in_preflight: bool = True

    @property
    def clients(self) -> tuple[str, ...]:
        """The names of all clients that it is about."""
        return tuple(name for name in CLIENTS if name in self.refused_by or name in self.worse_in)


CLIENT_RULES: dict[str, ClientRule] = {
    # names
    "duplicate_tool_name": ClientRule(
        "error", "two tools have one name for models", "Give it another key.",
        refused_by=_ALL, basis="documented", source="https://modelcontextprotocol.io/specification/2025-11-25/server/tools",
    ),
    "tool_name": ClientRule(
        "warning", "a key is no name that clients take", "Give it another key.",
        worse_in=_ALL, basis="documented", source=_CLAUDE_TOOLS,
    ),
    "tool_name_start": ClientRule(
        "warning", "Gemini's API refuses a name's first character", "Give it another key.",
        worse_in=(CURSOR,), basis="observed", source="https://github.com/wonderwhy-er/DesktopCommanderMCP/issues/79",
    ),
    "long_tool_name": ClientRule(
        "warning", "Cursor leaves out tools of such long names", "Shorten its key.",
        refused_by=(CURSOR,), basis="observed", source="https://github.com/ComposioHQ/composio/issues/2788",
    ),
    # descriptions
    "no_description": ClientRule(
        "warning", "models do not learn what it is for", "Say when to call it and what it gives.",
        worse_in=_ALL, basis="documented", source=_CLAUDE_TOOLS,
    ),
    "long_description": ClientRule(
        "warning", "longer than OpenAI's API takes", "Shorten it.",
        worse_in=(CHATGPT,), basis="observed", source="https://github.com/getsentry/sentry-mcp/issues/106",
    ),
    "truncated_description": ClientRule(
        "warning", "longer than Claude Code passes on", "Shorten it, or say what matters first.",
        worse_in=(CLAUDE,), basis="documented", source=_CLAUDE_CODE,
    ),
    # schemas
    "argument_name": ClientRule(
        "warning", "Claude's API refuses an argument's name", "Rename it.",
        refused_by=(CLAUDE,), basis="observed", source="https://github.com/ComposioHQ/composio/issues/2330",
    ),
    "schema_union": ClientRule(
        "warning", "OpenAI's and Claude's APIs refuse an input schema", "Say it inside of a property.",
        refused_by=(CHATGPT, CLAUDE), basis="observed", source="https://github.com/nspady/google-calendar-mcp/issues/39",
    ),
    "schema_array": ClientRule(
        "warning", "a list does not say what is in it", "Give it items.",
        refused_by=(CHATGPT,), worse_in=(CURSOR,),
        basis="observed", source="https://github.com/streamnative/streamnative-mcp-server/issues/26",
    ),
    "schema_items": ClientRule(
        "warning", "the items of a list are a list of schemas", "Use prefixItems, or one schema for all items.",
        refused_by=(CLAUDE,), worse_in=(CURSOR,), basis="observed", source=_GEMINI_IN_CURSOR,
    ),
    "schema_prefix_items": ClientRule(
        "warning", "a list has several kinds by position", "Use one schema for all items.",
        worse_in=(CURSOR,), basis="observed", source=_GEMINI_IN_CURSOR,
    ),
    "schema_enum": ClientRule(
        "warning", "an enum has values that are no texts", "Use texts, or limits of a number.",
        worse_in=(CURSOR,), basis="observed", source=_GEMINI_IN_CURSOR,
    ),
    "schema_enum_twice": ClientRule(
        "warning", "an enum has a value twice", "Take one of them out.",
        worse_in=(CHATGPT,), basis="inferred", source=_JSON_SCHEMA,
    ),
    "schema_default": ClientRule(
        "warning", "a default is none of its enum", "Choose one of the enum.",
        worse_in=_ALL, basis="inferred", source=_JSON_SCHEMA,
    ),
    "schema_required": ClientRule(
        "warning", "a required property is not described", "Describe it, or do not require it.",
        worse_in=(CURSOR,), basis="inferred", source="https://ai.google.dev/api/caching#Schema",
    ),
    "schema_type_list": ClientRule(
        "warning", "a property has several types", "Leave “null” out of what is not required.",
        worse_in=(CURSOR,), in_preflight=False,
        basis="observed", source="https://github.com/cursor/cursor/issues/3778",
    ),
    "schema_reference": ClientRule(
        "warning", "a schema refers to another one", "Say it in place.",
        worse_in=(CLAUDE,), in_preflight=False,
        basis="observed", source="https://github.com/anthropics/claude-ai-mcp/issues/591",
    ),
    # annotations
    "unsafe_read_only": ClientRule(
        "warning", "it says that it only reads, and may not", "Take “Only reads” away, unless it is true.",
        worse_in=_ALL, basis="documented", source=_APPS_SDK,
    ),
    "read_only_not_said": ClientRule(
        "warning", "it only reads and does not say so", "Say that it only reads.",
        worse_in=_ALL, basis="documented", source=_APPS_SDK,
    ),
    "chatgpt_review": ClientRule(
        "warning", "the review of ChatGPT apps wants an annotation", "Say yes or no.",
        worse_in=(CHATGPT,), review=True, in_preflight=False, basis="documented", source=_APPS_REVIEW,
    ),
    "claude_review": ClientRule(
        "warning", "the review of Claude's connectors wants an annotation", "Say what of both is true.",
        worse_in=(CLAUDE,), review=True, in_preflight=False, basis="documented", source=_CLAUDE_DIRECTORY,
    ),
    # the list as a whole
    "too_many_tools": ClientRule(
        "warning", "more tools than clients take", "Disable some, or make two apps.",
        worse_in=(CURSOR,), basis="observed", source="https://github.com/Snowflake-Labs/mcp/issues/77",
    ),
    "many_tokens": ClientRule(
        "warning", "the list of tools is long to read", "Shorten descriptions and schemas.",
        worse_in=_ALL, basis="inferred", source="https://www.anthropic.com/engineering/writing-tools-for-agents",
    ),
}  # fmt: skip
"""The rules of clients by code."""
