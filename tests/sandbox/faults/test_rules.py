"""The rules of the fault lab: how they are written, which requests they are about, and when they apply."""

from __future__ import annotations

import pytest

from drio_tui.sandbox.faults.lab import FaultLab
from drio_tui.sandbox.faults.presets import PRESETS
from drio_tui.sandbox.faults.rules import FAULTS, parse_fault, parse_rule


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def injected(lab: FaultLab, count: int, path: str = "/api/v1/apps", method: str = "GET") -> list[int]:
    """Send `count` requests to the lab and return the numbers of those that got a fault."""
    return [number for number in range(1, count + 1) if lab.injections(method, path, has_token=True)]


@pytest.mark.parametrize(
    ("path", "matching", "others"),
    [
        ("/tools", ["/api/v1/apps/a/tools"], ["/api/v1/apps/a/tools/b", "/api/v1/apps/a/mytools"]),
        ("/apps/{appId}", ["/api/v1/apps/a"], ["/api/v1/apps", "/api/v1/apps/a/tools"]),
        ("/apps/*/tools", ["/api/v1/apps/a b/tools"], ["/api/v1/apps/a/b/tools"]),
        ("/apps/**", ["/api/v1/apps/a", "/api/v1/apps/a/tools/b"], ["/api/v1/apps"]),
        ("*", ["/api/v1/apps", "/api/v1/me"], ["/api/v1/auth/token", "/api/v1/openapi.json", "/mcp/x"]),
        ("**", ["/api/v1/auth/token", "/mcp/x", "/.well-known/oauth-protected-resource"], []),
        ("/.well-known/**", ["/.well-known/oauth-protected-resource/api/v1"], ["/api/v1/apps"]),
    ],
)
def test_path_matches_the_end_of_a_path(path: str, matching: list[str], others: list[str]) -> None:
    rule = parse_rule(f"{path}=reset")
    assert [rule.matches("GET", text, has_token=True) for text in matching + others] == (
        [True] * len(matching) + [False] * len(others)
    )


def test_methods_limit_a_rule() -> None:
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")

    def matching(text: str) -> str:
        rule = parse_rule(text)
        return " ".join(method for method in methods if rule.matches(method, "/api/v1/apps", has_token=True))

    assert matching("*=reset") == "GET POST PUT PATCH DELETE"
    assert matching("post|patch:*=reset") == "POST PATCH"
    assert matching("WRITE:*=reset") == "POST PUT PATCH DELETE"
    assert matching("*=data:empty") == "GET"


def test_invalid_token_is_about_requests_with_a_token() -> None:
    rule = parse_rule("**=invalid-token")
    assert rule.matches("GET", "/api/v1/apps", has_token=True)
    assert not rule.matches("GET", "/api/v1/templates", has_token=False)


@pytest.mark.parametrize(
    ("when", "expected"),
    [("", [1, 2, 3, 4, 5, 6, 7]), ("*2", [1, 2]), ("%3", [3, 6]), ("~0", []), ("~1", [1, 2, 3, 4, 5, 6, 7])],
)
def test_rule_applies_when_it_says(when: str, expected: list[int]) -> None:
    lab = FaultLab(Clock())
    lab.switch_on([f"*=status:503{when}"])
    assert injected(lab, 7) == expected


def test_same_seed_gives_the_same_faults() -> None:
    lab = FaultLab(Clock())
    runs = []
    for seed in (7, 7, 8):
        lab.switch_on(["flaky"], seed)
        runs.append(injected(lab, 200))
    assert runs[0] == runs[1] != runs[2]
    assert 20 < len(runs[0]) < 100  # 28 % of 200


def test_rule_with_a_period_applies_in_it_and_is_off_afterwards() -> None:
    clock = Clock()
    lab = FaultLab(clock)
    lab.switch_on(["*=reset@10-20"])
    applied = []
    for age in (0, 9.9, 10, 19.9, 20, 30):
        clock.now = 1000.0 + age
        applied.append(bool(lab.injections("GET", "/api/v1/apps", has_token=True)))
    assert applied == [False, False, True, True, False, False]
    assert lab.names == []


def test_first_n_of_a_period_are_counted_in_the_period() -> None:
    clock = Clock()
    lab = FaultLab(clock)
    lab.switch_on(["*=reset*2@10-"])
    assert injected(lab, 5) == []
    clock.now += 10
    assert injected(lab, 5) == [1, 2]


def test_rule_is_off_after_its_number_of_requests() -> None:
    lab = FaultLab(Clock())
    lab.switch_on(["GET:/apps=status:503*2", "POST:/apps=reset"])
    injected(lab, 2)
    assert lab.names == ["POST:/apps=reset"]
    assert lab.announcement == "POST:/apps=reset"


def test_delay_adds_to_the_first_other_fault() -> None:
    lab = FaultLab(Clock())
    lab.switch_on(["slow", "*=status:500", "*=reset"])
    names = [injection.rule.kind.name for injection in lab.injections("GET", "/api/v1/apps", has_token=True)]
    assert names == ["delay", "status"]
    assert dict(lab.counts) == {"slow": 1, "status": 1}


def test_request_can_ask_for_a_fault_that_is_not_on() -> None:
    lab = FaultLab(Clock())
    (injection,) = lab.injections("GET", "/api/v1/apps", has_token=True, requested="status:418")
    assert (injection.name, injection.rule.argument) == ("status", "418")
    assert lab.injections("GET", "/api/v1/apps", has_token=True, requested="answer-lost") == []  # it is about changes
    assert lab.names == []


def test_command_switches_the_same_on_again() -> None:
    lab = FaultLab(Clock())
    rule = 'POST:/tools=status:503:{"error": "it\'s full"}*2'
    lab.switch_on(["slow", rule], 42)
    import shlex

    words = shlex.split(lab.command)
    assert words == ["drio-tui", "sandbox", "faults", "on", "--seed", "42", "slow", rule]
    lab.switch_off()
    assert lab.command == ""


def test_body_of_a_status_may_contain_what_looks_like_a_condition() -> None:
    rule = parse_rule('/tools=status:503:{"a": "b*2"}~0.5@1-2')
    assert rule.argument == '503:{"a": "b*2"}'
    assert (rule.when.probability, rule.when.start, rule.when.end, rule.when.first) == (0.5, 1.0, 2.0, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("slowly", "has no fault"),
        ("tools=reset", "has no path"),
        ("FETCH:/tools=reset", "names no method FETCH"),
        ("/tools=explode", "unknown fault 'explode'"),
        ("/tools=status", "lacks the argument"),
        ("/tools=status:204", "needs a status"),
        ("/tools=status:99", "needs a status"),
        ("/tools=lost:slowly", "needs a status"),
        ("/tools=reset:5", "takes none"),
        ("/tools=delay:soon", "needs a time"),
        ("/tools=delay:301", "needs a time"),
        ("/tools=data:odd", "needs a shape"),
        ("/tools=data:one:5", "needs a shape"),
        ("/tools=type:x\r\nSet-Cookie: a", "needs a media type"),
        ("/tools=reset*0", "counts from 1"),
        ("/tools=reset@5-5", "ends before"),
        ("/tools=reset@1.2.3-5", "period"),
    ],
)
def test_invalid_rule_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_rule(text)


def test_nothing_is_switched_on_with_an_invalid_rule() -> None:
    lab = FaultLab(Clock())
    with pytest.raises(ValueError, match=r"^nonsense is no preset"):
        lab.switch_on(["slow", "nonsense"])
    assert lab.names == []


def test_every_kind_and_preset_is_complete() -> None:
    assert set(PRESETS) == {
        "slow", "flaky", "rate-limited", "token-expired", "conflict", "offline", "captive-portal", "api-retired",
        "answer-lost",
    }  # fmt: skip
    examples = {"status": "status:500", "data": "data:empty"}
    for name in FAULTS:
        assert parse_fault(examples.get(name, name)).kind.name == name
