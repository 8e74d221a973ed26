"""Finding the resource that a create with an unknown outcome made."""

from __future__ import annotations

import pytest

from drio_tui.kinds import TOOL
from drio_tui.workspace.saving.created_lookup import SentBody, find_created
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.without_secrets import fingerprints_of

SENT: Object = {"key": "find", "name": "Find", "kind": "read", "config": {"a": 1}}
AS_SENT: Object = {"id": "1", "order": 3, **SENT}
CHANGED = {**AS_SENT, "kind": "write"}
OTHER_KEY = {**AS_SENT, "id": "2", "key": "find-2"}
OTHER = {**OTHER_KEY, "id": "3", "kind": "write"}
STRANGER = {**AS_SENT, "id": "4", "key": "stranger", "name": "Stranger"}
CASES: dict[str, tuple[list[Object], str | int, bool]] = {
    "nothing": ([], 0, False),
    "another name and key": ([STRANGER], 0, False),
    "as sent": ([STRANGER, AS_SENT], "1", True),
    "with spaces removed": ([{**AS_SENT, "name": "Find "}], "1", True),
    "no key in the response": ([{"id": "1", "name": "Find", "kind": "read"}], "1", True),
    "the same key, changed since": ([CHANGED], "1", False),
    "as sent, and a namesake": ([AS_SENT, OTHER_KEY, OTHER], "1", True),
    "the same key, and a namesake": ([CHANGED, OTHER_KEY], "1", False),
    "stored under another key": ([OTHER_KEY, STRANGER], "2", True),
    "stored under another key, and another namesake": ([OTHER_KEY, OTHER], "2", True),
    "twice under other keys": ([OTHER_KEY, {**OTHER_KEY, "id": "5", "key": "find-3"}], 2, False),
    "twice as sent": ([AS_SENT, {**AS_SENT, "id": "5"}], 2, False),
    "only a namesake": ([OTHER], 1, False),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_body_known", [True, False])
def test_created_resource_is_found_by_what_was_sent(case: str, is_body_known: bool) -> None:
    listed, expected, is_as_sent = CASES[case]
    sent = SentBody.of(TOOL, SENT) if is_body_known else SentBody.of_fingerprints(TOOL, fingerprints_of(SENT))
    known = {**AS_SENT, "id": "old"}
    lookup = find_created([known, *listed], sent, lambda id: id == "old")
    assert (lookup.raw["id"] if lookup.raw else lookup.candidates) == expected
    assert lookup.is_as_sent == is_as_sent


def test_object_that_was_sent_is_compared_where_it_is_known() -> None:
    other = {**AS_SENT, "config": {"a": 2, "b": 1}}
    assert find_created([other], SentBody.of(TOOL, SENT), str.isspace).differs == {"config"}
    more = {**AS_SENT, "config": {"a": 1, "b": 1}}
    assert find_created([more], SentBody.of(TOOL, SENT), str.isspace).is_as_sent
