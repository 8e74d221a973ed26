"""The grammar of JSONPath (RFC 9535), to tell a path that cannot be meant from one that can.

`check` gives the first problem of a text as the end of a sentence, or an empty string. Nothing is
evaluated here.
"""

from __future__ import annotations

import json
import re

_NAME = re.compile(r"[A-Za-z_\u0080-\U0010FFFF][A-Za-z0-9_\u0080-\U0010FFFF]*")
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_FUNCTION = re.compile(r"[a-z][a-z0-9_]*(?=\()")
_COMPARE = re.compile(r"==|!=|<=|>=|<|>")
_WORD = re.compile(r"(?:true|false|null)(?![A-Za-z0-9_])")
_BLANK = re.compile(r"[ \t\n\r]*")
_LARGEST = 2**53 - 1
_DEEPEST = 50
_LONGEST = 10_000


class _Wrong(Exception):
    pass


def check(text: str) -> str:
    """Why `text` is not a JSONPath; empty when it is one."""
    if len(text) > _LONGEST:
        return "is too long for a JSONPath"
    if not text.startswith("$"):
        return "must be a JSONPath, which begins with $"
    parser = _Parser(text)
    try:
        parser.at = 1
        parser.segments(0)
        if parser.at != len(text):
            parser.wrong("something that is no step of a path")
    except _Wrong as problem:
        return str(problem)
    return ""


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def wrong(self, what: str) -> None:
        raise _Wrong(f"is no JSONPath: {what} at character {self.at + 1}")

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def literal(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def need(self, token: str, what: str) -> None:
        if not self.literal(token):
            self.wrong(what)

    def segments(self, depth: int) -> None:
        while True:
            before = self.at
            self.blank()
            if self.literal(".."):
                if not (self.literal("*") or self.take(_NAME)):
                    self.need("[", "a name, * or [ is missing after ..")
                    self.selectors(depth)
            elif self.literal("."):
                if not (self.literal("*") or self.take(_NAME)):
                    self.wrong("a name or * is missing after .")
            elif self.literal("["):
                self.selectors(depth)
            else:
                self.at = before
                return

    def selectors(self, depth: int) -> None:
        while True:
            self.blank()
            self.selector(depth)
            self.blank()
            if self.literal("]"):
                return
            self.need(",", "a , or ] is missing")

    def selector(self, depth: int) -> None:
        if self.text[self.at : self.at + 1] in ("'", '"') and self.at < len(self.text):
            self.string()
        elif self.literal("*"):
            pass
        elif self.literal("?"):
            self.blank()
            self.either(depth + 1)
        else:
            start = self.integer()
            self.blank()
            if self.literal(":"):
                self.blank()
                self.integer()
                self.blank()
                if self.literal(":"):
                    self.blank()
                    self.integer()
            elif not start:
                self.wrong("a name in quotes, a number, * or ? is missing")

    def integer(self) -> bool:
        found = self.take(_INT)
        if found is not None and (found == "-0" or len(found) > 17 or abs(int(found)) > _LARGEST):
            self.wrong("a number that cannot be an index")
        return found is not None

    def string(self) -> None:
        quote = self.text[self.at]
        end = self.at + 1
        while end < len(self.text) and self.text[end] != quote:
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            self.wrong("a quote that is not closed")
        body = self.text[self.at + 1 : end]
        as_json = body.replace("\\'", "'").replace('"', '\\"') if quote == "'" else body
        try:
            json.loads(f'"{as_json}"')
        except ValueError:
            self.wrong("a name with a wrong escape")
        self.at = end + 1

    # -- filters ----------------------------------------------------------------------------------

    def either(self, depth: int) -> None:
        if depth > _DEEPEST:
            self.wrong("too many nested filters")
        while True:
            self.term(depth)
            self.blank()
            if not (self.literal("||") or self.literal("&&")):
                return
            self.blank()

    def term(self, depth: int) -> None:
        negated = False
        while self.literal("!"):
            negated = True
            self.blank()
        if self.literal("("):
            self.blank()
            self.either(depth + 1)
            self.blank()
            self.need(")", "a ) is missing")
            return
        value = self.operand(depth)
        self.blank()
        if self.take(_COMPARE):
            if negated:
                self.wrong("a comparison after ! that is not in parentheses")
            self.blank()
            self.operand(depth)
        elif value:
            self.wrong("a comparison is missing")

    def operand(self, depth: int) -> bool:
        """One side of a comparison; true when it is a literal, which cannot stand alone."""
        if depth > _DEEPEST:
            self.wrong("too many nested filters")
        if self.literal("@") or self.literal("$"):
            self.segments(depth + 1)
            return False
        if self.take(_FUNCTION):
            self.at += 1
            self.blank()
            if not self.literal(")"):
                while True:
                    self.operand(depth + 1)
                    self.blank()
                    if self.literal(")"):
                        break
                    self.need(",", "a , or ) is missing")
                    self.blank()
            return False
        if self.text[self.at : self.at + 1] in ("'", '"') and self.at < len(self.text):
            self.string()
            return True
        if self.take(_WORD) or self.take(_NUMBER):
            return True
        self.wrong("@, $, a value or a function is missing")
        return False
