"""Plain sentences from the Markdown and HTML in which documents describe operations."""

from __future__ import annotations

import html
import re

_MOST_READ = 20_000
_TAGS = (
    "a|abbr|b|blockquote|br|center|cite|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|kbd|li|mark|ol|p|pre|q|s|"
    "samp|section|small|span|strong|sub|summary|sup|table|tbody|td|th|thead|tr|tt|u|ul|var"
)
_DROPPED = re.compile(
    r"<!--.*?(?:-->|\Z)|^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)|<(pre|table|style|script)\b[^<>]*>.*?(?:</\2>|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_BREAK = re.compile(r"<br\s*/?>|</?(?:p|div|ul|ol|h[1-6]|dl|section|blockquote)\b[^<>]*>", re.IGNORECASE)
_LIST_ITEM = re.compile(r"<li\b[^<>]*>", re.IGNORECASE)
_CODE = re.compile(r"</?(?:code|tt|kbd|samp)>", re.IGNORECASE)
_TAG = re.compile(rf"</?(?:{_TAGS})\b[^<>]*>", re.IGNORECASE)
_LINKS = re.compile(r"!\[[^\[\]]*\](?:\([^()\s]*(?:\s[^()]*)?\))?")
_LINK = re.compile(r"\[([^\[\]]+)\](?:\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s[^()]*)?\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(
    r"(\*\*\*|\*\*|\*|~~)(?=\S)([^*~\n]+?)(?<=\S)\1|(?<!\w)(__|_)(?=[^\s_])([^_\n]+?)(?<=\S)\3(?!\w)"
)
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]")
_RULE = re.compile(r"[ \t]*(?:[-=*_][ \t]*){3,}")
_QUOTE = re.compile(r"^[ \t]*>[ \t]?")
_ALERT = re.compile(r"\[!\w{1,20}\]")
_SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"”')`]))\s+(?=[\"“(`]?[A-Z]|`)")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|no|[A-Z])\.$", re.IGNORECASE)


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a Markdown or HTML text as plain text of one line each.

    Names in backticks stay so. Headings, lists, tables and code blocks are left out, and so is what introduces them
    with a colon.
    """
    text = text[:_MOST_READ].replace("\r\n", "\n").replace("\r", "\n")
    text = _LIST_ITEM.sub("\n* ", _BREAK.sub("\n\n", _DROPPED.sub("\n\n", text)))
    found: list[list[str]] = [[]]
    in_item = False
    for line in text.split("\n"):
        line = _QUOTE.sub("", line, count=1)
        line = _ALERT.sub("", line)
        if not line.strip() or _HEADING.match(line) or _RULE.fullmatch(line) or line.lstrip().startswith("|"):
            found.append([])
            in_item = False
        elif _ITEM.match(line) and not _TAG.sub("", line).strip().startswith("**"):
            found.append([])
            in_item = True
        elif not in_item:
            found[-1].append(line)
    plain = [_inline(" ".join(lines)) for lines in found]
    return [paragraph for paragraph in map(_without_introduction, plain) if paragraph]


def one_line_of(text: str) -> str:
    """Return a title without markup."""
    return _inline(text[:1_000]).replace("`", "")


def sentences(paragraph: str) -> list[str]:
    """Return the sentences of a plain text; one whose end is not marked gets a dot."""
    found: list[str] = []
    joined = ""
    for part in _SENTENCE_END.split(paragraph):
        joined = f"{joined} {part}".strip()
        if not joined or _ABBREVIATION.search(part):
            continue
        found.append(joined)
        joined = ""
    if joined:
        found.append(joined)
    found = [f"{sentence.rstrip('.')}." if sentence.endswith("..") else sentence for sentence in found]
    return [sentence if sentence.rstrip("\"”')`")[-1:] in (".", "!", "?") else f"{sentence}." for sentence in found]


def _inline(text: str) -> str:
    text = _LINK.sub(r"\1", _LINKS.sub("", _TAG.sub("", _CODE.sub("`", text))))
    for _ in range(2):  # one inside of another
        text = _EMPHASIS.sub(lambda match: match[2] or match[4], text)
    text = html.unescape(text.replace("``", "`").replace("\\_", "_").replace("\\*", "*"))
    return " ".join(text.split())


def _without_introduction(paragraph: str) -> str:
    """Return a paragraph without a last sentence that introduces a list."""
    if not paragraph.endswith(":"):
        return paragraph
    return " ".join(sentences(paragraph)[:-1])
