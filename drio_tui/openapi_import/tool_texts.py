"""Proposed names and descriptions of tools, from what a document says of an operation. Nothing is made up.

A name is a verb and its object: a good summary as it is, otherwise one made from the operation's id, its summary, or
its method and path. A description says what the tool does, when to use it, and what it returns, in a few sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from drio_tui.api.redact import is_secret
from drio_tui.naming import kebab
from drio_tui.openapi_import.model import Response
from drio_tui.openapi_import.names import shortened, words_of
from drio_tui.openapi_import.plain_text import one_line_of, paragraphs, sentences
from drio_tui.text import first_names
from drio_tui.tool_calls.requests import SAFE
from drio_tui.workspace.run.mapping_suggestions import rows_of
from drio_tui.workspace.run.value_shape import Shape, shape_of, singular

NAME_LENGTH = 120
"""The most characters of a proposed name."""
DESCRIPTION_LENGTH = 600
"""The most characters of a proposed description."""

_FIRST_PARAGRAPH = 320
_MOST_FIELDS = 6
_VERB_LIST = """
abort accept acknowledge activate add adjust allow analyze append apply approve archive assign associate attach audit
authenticate authorize backfill ban batch begin block book browse build bulk calculate call cancel capture change check
claim clear clone close commit compare complete compute configure confirm connect convert copy count create crosspost
deactivate debug declare decline decode decrease dedupe delete demote deploy deprecate describe destroy detach detect
disable disapprove disassociate disconnect dismiss dispatch display download drop dry-run duplicate edit emit enable
encode end enqueue enroll ensure estimate evaluate execute exchange expand expire export extend extract fetch filter
finalize find finish flag follow force fork forward generate get give grant halt handle hide identify import increase
increment index ingest initialize initiate insert inspect install instantiate invalidate invite invoke issue join kick
kill launch leave link list load lock log login logout look lookup make manage mark materialize merge migrate modify
monitor move mute notify obtain open overwrite park patch pause perform permit pin ping poll post prepare preview
process promote provide provision publish pull purge push put query queue quote react read reassign rebuild
recalculate receive record recover redeem redeliver redirect refresh refund regenerate register reject release reload
remove rename renew reopen reorder replace reply report repost request re-request rerun re-run resend reset resize
resolve respond restart restore resubmit resume retrieve retry return revert review revoke rollback rotate run save
schedule search see select send set share show shut sign simulate skip snooze solve sort split star start stop store
stream submit subscribe suspend swap switch sync synchronize tag terminate test toggle track transfer translate trigger
try turn unarchive unassign unban unblock uncheck undelete undo unfollow uninstall unlink unlock unmark unmute unpin
unpublish unregister unshare unstar unsubscribe unsuspend update upgrade upload upsert use validate verify view void
vote watch withdraw write favorite unfavorite like unlike minimize
consume expose exempt withhold resubscribe pay charge establish
"""
_VERBS = frozenset(_VERB_LIST.split())
"""Verbs with which names of operations begin."""
_READING = frozenset(("retrieve", "return", "fetch", "obtain", "read", "display", "provide"))
"""Verbs that become `Get`, or `List` of several, in a name."""
_ARTICLES = frozenset(("a", "an", "the"))
_PREPOSITIONS = frozenset((
    "about", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "that", "to", "with", "without",
    "using", "within", "across", "between", "associated", "which", "via",
))  # fmt: skip
_LISTING = frozenset(("list", "search", "find", "query", "browse", "look"))
_DETERMINERS = _ARTICLES | {"all", "your", "one", "two", "multiple", "this", "some", "any", "every", "each"}
_REMARK = re.compile(
    r"^\s*[\[(](?:deprecated|beta|alpha|preview|experimental|legacy|internal|v\d+)[\])][\s:-]*"
    r"|^\s*deprecated\s*[:-]\s*|\s*[\[(](?:deprecated|beta|alpha|experimental|preview|legacy)[\])]\s*$",
    re.IGNORECASE,
)
_LIST_OF = re.compile(
    r"(?:a|the)\s+(?:paginated\s+|full\s+|complete\s+)?(?:list|collection|array)\s+of\s+", re.IGNORECASE
)
_PARAMETER = re.compile(r"\{[^{}]*\}")
_VERSION = re.compile(r"v\d+(?:\.\d+)*|api|rest", re.IGNORECASE)
_LEAD = re.compile(
    r"this (?:endpoint|method|api|api call|operation|call|request|resource|route) (?!(?:is|has|was|will|can)\b)|"
    r"(?:you can )?use (?:this|it)\b|allows?\b|lets\b",
    re.IGNORECASE,
)
_USED_TO = re.compile(r"^(?:is )?used to ([a-z])", re.IGNORECASE)
_WHEN = re.compile(
    r"use (?:this|it|the)\b|to \w|if you\b|when \w|only \w|you (?:can|must|may)\b|by default\b|supports?\b|pass\b|"
    r"results? (?:are|is)\b|this (?:endpoint|method|api|operation)\b|returns?\b|it (?:is|does|will|cannot|can)\b|"
    r"also\b|deprecated\b|requires?\b|note that\b|note:|please note\b|warning:|important:|a maximum\b|up to\b",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"oauth|access token|\bscopes?\b|\bpersonal token|fine-grained|for more information|learn more|read more|"
    r"more details|\bsee (?:the|our|also|here|\")|\bdocumentation\b|\bguide\b|https?://|postman|\bcurl\b|sdk\b|"
    r"^(?:e\.g|example|sample)\b|media type|rate limit|multipart|\bin the url\b|"
    r"public preview|subject to change|closing down|\bhere\W*$|"
    r"\b(?:making|make|send(?:ing)?) an? `?(?:get|put|post|patch|delete)\b",
    re.IGNORECASE,
)
_GENERIC_RESPONSE = re.compile(
    r"(?:(?:a|an|the|default|empty|json|http)\s+)*(?:ok|okay|success(?:ful(?:ly)?)?|response|responses?|result|results|"
    r"default|accepted|created|updated|deleted|no content|200|201|202|204|operation|request|reply|done|empty|blank|"
    r"body|return|returned|completed|data|item|items|[\s.,!:/-])+",
    re.IGNORECASE,
)
_RETURNS = re.compile(r"returns?\b|contains\b", re.IGNORECASE)
_NOUN_PHRASE = re.compile(r"(?:an?|the|list|array|all|one|details|information)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:is|are|was|were|will|has|have|can|may|must|if)\b", re.IGNORECASE)
_DULL = frozenset(("url", "urls", "href", "link", "links", "etag", "node", "gravatar", "self", "object"))
_FIRST_PROPERTIES = (
    "id",
    "name",
    "title",
    "key",
    "status",
    "state",
    "type",
    "email",
    "description",
    "created",
    "date",
    "amount",
)


@dataclass(frozen=True, slots=True)
class OperationText:
    """What a document says of an operation. `output_schema` is that of its result, None if it is not known."""

    method: str
    path: str
    operation_id: str = ""
    summary: str = ""
    description: str = ""
    responses: Sequence[Response] = ()
    output_schema: Any = None
    deprecated: bool = False

    @property
    def fixed(self) -> list[str]:
        """The parts of its path that are no parameters, without versions: `contacts` for `/v1/contacts/{id}`."""
        return [part for part in self.parts if not _PARAMETER.search(part)]

    @property
    def parts(self) -> list[str]:
        """The parts of its path, without versions."""
        path = self.path.partition("?")[0].partition("#")[0]
        return [part for part in path.split("/") if part and not _VERSION.fullmatch(part)]

    @property
    def of_one(self) -> bool:
        """Whether its path ends with a parameter, which names one resource."""
        return bool(self.parts) and bool(_PARAMETER.search(self.parts[-1]))

    @property
    def shape(self) -> Shape:
        """What is known of its result."""
        return shape_of(self.output_schema)

    def rows(self, name: str) -> Shape | None:
        """Return the list that it returns, None if it returns one thing. `name` is that of its tool."""
        shape = self.shape
        rows = rows_of(shape) if self.output_schema is not None else None
        if rows is None or rows is shape:
            return rows
        verb, _, rest = name.casefold().partition(" ")
        if verb in _LISTING:
            return rows
        words = _head(rest.split())
        is_several = self.method in SAFE and not self.of_one and bool(words) and singular(words[-1]) != words[-1]
        return rows if is_several else None


# --- names ----------------------------------------------------------------------------------------


def name_of(operation: OperationText) -> str:
    """Return a name for the tool of an operation: `List contacts`, `Get a contact by id`."""
    summary = _title(operation.summary)
    name = _imperative(summary)
    if not name and summary and operation.method not in SAFE:
        name = summary  # its first word is a rare verb, or what it makes
    if not name:
        name = _from_id(operation)
    if not name and summary:
        verb = "List" if _is_list(operation, summary) else "Get"
        name = f"{verb} {_lower_first(summary)}"
    if not name:
        name = _from_description(operation) or _from_path(operation)
    return _upper_first(shortened(name, NAME_LENGTH))


def key_for(name: str, fallback: str, most: int) -> str:
    """Return a key of at most `most` characters for a tool's name: `get-contact-by-id` for `Get a contact by id`."""
    words = [word for word in name.split() if word.casefold() not in _ARTICLES]
    key = kebab(" ".join(words).replace("'s ", " ").replace("’s ", " "), fallback, most=most)
    if key[0].isdigit():  # Gemini's API refuses it
        key = kebab(f"call {key}", fallback, most=most)
    while key.rpartition("-")[2] in _PREPOSITIONS | _ARTICLES and "-" in key:
        key = key.rpartition("-")[0]  # where it was cut
    return key


def distinct_names(operations: Sequence[OperationText], names: Sequence[str]) -> list[str]:
    """Return names of which the equal ones also say of what they are: `List comments of an issue`."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
    result: list[str] = []
    for operation, name in zip(operations, names, strict=True):
        owner = _owner(operation, name) if counts[name.casefold()] > 1 else ""
        longer = f"{name} {owner}" if owner else name
        result.append(longer if len(longer) <= NAME_LENGTH else name)
    return result


def object_of(name: str) -> str:
    """Return what a name is about, without verb and article: `Contact` for `Get a contact by id`."""
    words = name.split()
    if len(words) > 1 and _verb(words[0]):
        is_bulk = words[0].casefold() in ("bulk", "batch") and len(words) > 2 and _verb(words[1])
        words = words[2 if is_bulk else 1 :]
    while len(words) > 1 and words[0].casefold() in _DETERMINERS:
        words = words[1:]
    words = _head(words) or words
    return _upper_first(" ".join(words))


def is_creating(operation: OperationText, name: str) -> bool:
    """Return whether an operation only adds: a POST to a collection that says `Create` or `Add`, and nothing else."""
    words = name.casefold().split()
    return (
        operation.method == "POST" and not operation.of_one and words[:1] in (["create"], ["add"])
        and words[1:2] not in (["or"], ["and"])
        and not re.search(r"\b(?:replac|overwrit|updat|delet|remov)", operation.description[:2_000], re.IGNORECASE)
    )  # fmt: skip


def _title(summary: str) -> str:
    title = one_line_of(summary.strip().partition("\n")[0])
    for _ in range(2):
        title = _REMARK.sub("", title)
    return title.strip().rstrip(".:;,").strip()


def _imperative(title: str) -> str:
    """Return a title that begins with a verb, in the imperative; empty if it does not begin with one."""
    words = title.split()
    if not words:
        return ""
    if title.isupper():
        words = [word.lower() for word in words]
    first = words[0].strip(",;:")
    verb = _verb(first)
    if not verb:
        is_verb = len(words) > 2 and words[1].casefold() in _DETERMINERS and first.isalpha()
        return title if is_verb and first.casefold() not in _DETERMINERS else ""
    rest = " ".join(words[1:])
    if first.casefold() == verb:
        return _upper_first(f"{words[0]} {rest}".strip()) if rest or len(words) == 1 else ""
    if verb in _READING:
        match = _LIST_OF.match(rest)
        return f"List {rest[match.end() :]}" if match else f"{'List' if rest.startswith('all ') else 'Get'} {rest}"
    return _upper_first(f"{verb} {rest}".strip())


def _verb(word: str) -> str:
    """Return the imperative of a verb that begins a title, empty for another word."""
    word = word.casefold()
    if word in _VERBS:
        return word
    for ending, verb_ending in (("s", ""), ("es", ""), ("ies", "y")):
        verb = word.removesuffix(ending) + verb_ending
        if word.endswith(ending) and verb in _VERBS:
            return verb
    return ""


def _from_id(operation: OperationText) -> str:
    """Return a name from the operation's id, if it has a verb: `listPetsByOwner`, `pets.list`."""
    id = operation.operation_id
    suffix = re.sub(r"\W", "_", f"{operation.path}_{operation.method.lower()}")
    id = id.removesuffix(suffix).strip("_")  # as FastAPI makes them
    scope, mark, last = id.replace("/", ".").rpartition(".")
    words = words_of(last).split()
    if not words or words[0].casefold() in ("post", "put", "patch"):
        return ""
    is_action = operation.method not in SAFE and operation.parts[-1:] == [words[0].casefold()]
    if not _verb(words[0]) and not is_action:
        return ""
    if any(word.casefold() == "id" for word in words[1:]) and not {"by", "with"} & {*words}:
        return ""  # made from the path
    if mark and (len(words) == 1 or words[1].casefold() in ("for", "by", "of", "in", "from", "with")):
        words[1:1] = words_of(scope.rpartition(".")[2]).lower().split()
    return " ".join(words) if len(words) > 1 else ""


def _from_description(operation: OperationText) -> str:
    first = next(iter(paragraphs(operation.description)), "")
    sentence = _title(re.split(r",? (?:that|which|who|so that|if|when) |, ", next(iter(sentences(first)), ""))[0])
    name = _imperative(sentence) if len(sentence) <= NAME_LENGTH else ""
    return name if len(name.split()) > 1 else ""


def _from_path(operation: OperationText) -> str:
    fixed = operation.fixed
    if not fixed:
        return f"{operation.method.capitalize()} {operation.path}"
    last = words_of(fixed[-1]).lower()
    if operation.of_one:
        verbs = {"POST": "Update", "PUT": "Replace", "PATCH": "Update", "DELETE": "Delete"}
        parameter = words_of(_PARAMETER.findall(operation.parts[-1])[-1][1:-1]).lower()
        noun = _singular(last)
        by = parameter.removeprefix(f"{noun} ") or "name"
        return f"{verbs.get(operation.method, 'Get')} {_a(noun)} by {by}"
    before = next((part for part in reversed(operation.parts[:-1]) if not _PARAMETER.search(part)), "")
    if _verb(last.split()[0]) == last.split()[0] and len(operation.parts) > 1 and before:
        owner = words_of(before).lower()
        is_one = bool(_PARAMETER.search(operation.parts[-2]))
        return f"{last} {_a(_singular(owner)) if is_one else owner}"
    if operation.method in SAFE:
        name = f"List {last}" if _is_list(operation, last) else f"Get {last}"
    else:
        verbs = {"POST": "Create", "PUT": "Replace", "PATCH": "Update", "DELETE": "Delete"}
        noun = _a(_singular(last)) if operation.method == "POST" else last
        name = f"{verbs.get(operation.method, operation.method.capitalize())} {noun}"
    return f"{name} {_owner(operation, name)}".strip()


def _owner(operation: OperationText, name: str) -> str:
    """Return `of a contact` for what is below `/contacts/{id}`; empty where the name says it, or nothing is."""
    parts = operation.parts[:-1] if not operation.of_one else operation.parts[:-2]
    for parent, part in reversed([*pairwise(parts)]):
        if _PARAMETER.search(part) and not _PARAMETER.search(parent):
            noun = _singular(words_of(parent).lower())
            if noun not in name.lower():
                return f"of {_a(noun)}"
    return ""


def _is_list(operation: OperationText, text: str) -> bool:
    if operation.of_one:
        return False
    if operation.output_schema is not None:
        return operation.rows(f"list {text}") is not None
    word = text.split()[-1].casefold() if text.split() else ""
    return singular(word) != word


def _singular(words: str) -> str:
    head, space, last = words.rpartition(" ")
    return f"{head}{space}{singular(last)}"


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' and noun[:2] not in ('us', 'un', 'eu') else 'a'} {noun}"


def _head(words: Sequence[str]) -> list[str]:
    """Return the words before the first preposition."""
    length = next((index for index, word in enumerate(words) if word.casefold() in _PREPOSITIONS), len(words))
    return [*words[:length]]


# --- descriptions ---------------------------------------------------------------------------------


def description_of(operation: OperationText, name: str) -> str:
    """Return a description of the tool of an operation: what it does, when to use it, and what it returns."""
    first, *later = _main_first(operation)
    chosen = [_USED_TO.sub(lambda match: match[1].upper(), sentence) for sentence in first]
    if not chosen or not _says_what(operation, chosen[0]):
        chosen.insert(0, f"{name}.")
    for paragraph in later:
        chosen += [sentence for sentence in paragraph if _WHEN.match(sentence)]
    deprecated = operation.deprecated and not any("deprecated" in sentence.casefold() for sentence in chosen[:2])
    if deprecated:
        chosen.insert(0, "Deprecated.")
    says_result = any(re.search(r"\breturn(?:s|ed)?\b", sentence, re.IGNORECASE) for sentence in chosen)
    returns = "" if says_result else _returns(operation, name)
    return _bounded([*dict.fromkeys(chosen)], returns)


def _main_first(operation: OperationText) -> list[list[str]]:
    """Return the sentences of each paragraph, without noise: first of the one that says what the operation does."""
    kept = [
        [text for text in sentences(paragraph) if not _NOISE.search(text)]
        for paragraph in paragraphs(operation.description)
    ]
    kept = [paragraph for paragraph in kept if paragraph]
    main = next((index for index, paragraph in enumerate(kept[:3]) if _says_what(operation, paragraph[0])), 0)
    if not kept:
        return [[]]
    length = 0
    first: list[str] = []
    for sentence in kept.pop(main):
        length += len(sentence) + 1
        if first and length > _FIRST_PARAGRAPH:
            break
        first.append(sentence)
    return [first, *kept]


def _says_what(operation: OperationText, sentence: str) -> bool:
    """Return whether a sentence says what an operation does; what it returns is enough of one that only reads."""
    if _RETURNS.match(sentence) and operation.method not in SAFE:
        return False
    first, _, rest = sentence.partition(" ")
    if first.endswith("ly"):  # permanently
        first, _, rest = rest.partition(" ")
    is_rare_verb = first.isalpha() and first.endswith("s") and rest.split(" ")[0].casefold() in _DETERMINERS
    return is_rare_verb or bool(_verb(first.strip(",;:"))) or bool(_LEAD.match(sentence))


def _bounded(chosen: list[str], returns: str) -> str:
    """Return as many of the sentences as there is room for, the first in any case, and what is returned at the end."""
    room = DESCRIPTION_LENGTH - len(returns) - 1
    text = shortened(chosen[0], room)
    for sentence in chosen[1:]:
        if len(text) + 1 + len(sentence) <= room:
            text = f"{text} {sentence}"
    return f"{text} {returns}".strip()


def _returns(operation: OperationText, name: str) -> str:
    """Return a sentence about the result: that of the document if it says something, or the names in its schema."""
    successes = [response for response in operation.responses if response.status.startswith("2")]
    for response in successes[:1]:
        text = next(iter(sentences(next(iter(paragraphs(response.description)), ""))), "")
        if not text or _GENERIC_RESPONSE.fullmatch(text) or len(text) > 240:
            continue
        if _RETURNS.match(text):
            return _upper_first(text)
        if _NOUN_PHRASE.match(text) and not _CLAUSE.search(text) and len(text.split()) > 2:
            article = "a " if text.casefold().startswith(("list", "array")) else ""
            return f"Returns {article}{_lower_first(text)}"
    if successes and all(response.status == "204" for response in successes):
        return "Returns nothing."
    if operation.output_schema is None:
        return ""
    rows = operation.rows(name)
    shape = operation.shape
    while rows is None and len(shape.properties) == 1:  # an envelope
        shape = shape.properties[0]
        rows = shape if shape.items is not None else None
    if rows is not None:
        names = _property_names(rows.items.properties) if rows.items is not None else []
        return f"Returns a list, each item with {names}." if names else "Returns a list."
    names = _property_names(shape.properties)
    return f"Returns {names}." if names else ""


def _property_names(properties: Iterable[Shape]) -> str:
    """Return the names of the most important properties, and whether there are more."""
    named = [shape for shape in properties if not {*shape.words} & _DULL and shape.words and not is_secret(shape.name)]
    ranked = sorted(named, key=lambda shape: (_rank(shape), not shape.is_scalar))[:_MOST_FIELDS]
    names = [shape.name for shape in named if shape in ranked]
    return first_names(names, _MOST_FIELDS) + (" and more" if len(named) > len(names) else "")


def _rank(shape: Shape) -> int:
    if len(shape.words) > 2:
        return len(_FIRST_PROPERTIES) + 1
    return min(
        (_FIRST_PROPERTIES.index(word) for word in shape.words if word in _FIRST_PROPERTIES),
        default=len(_FIRST_PROPERTIES),
    )


def _lower_first(text: str) -> str:
    """Return a text with a small first letter, unless its first word is a name or an abbreviation."""
    first = text.split(" ", 1)[0]
    is_name = first[1:] != first[1:].lower() or (len(first) == 1 and first != "A")
    return text if is_name else text[:1].lower() + text[1:]


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
