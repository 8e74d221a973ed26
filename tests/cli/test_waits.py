"""Commands report that drio asks them to wait."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drio_tui.api.exchange import Exchange
from drio_tui.cli import review
from drio_tui.session import _CommandExchanges
from tests.cli.conftest import Faults, Runner


def test_a_wait_is_reported_on_stderr_and_not_with_quiet(faults: Faults, on_sandbox: Runner) -> None:
    """F07: shown while it lasts; the request is sent again afterwards."""
    for options, notice in (((), "drio asks to wait 1 second (status 429)…\n"), (("-q",), "")):
        faults("on", "GET:/v1/apps=rate-limit:1*1", "GET:/v1/apps=delay:0")
        done = on_sandbox("apps", "--json", *options)
        assert (done.code, done.err) == (0, notice)
        (counting,) = faults("status", "--json").json["on"]
        assert counting["rules"][0]["matched"] == 2


def test_requests_that_wait_together_are_reported_once() -> None:
    shown: list[str] = []
    notice = _CommandExchanges(shown.append)

    def wait(seconds: float, code: int = 429) -> None:
        notice(Exchange(1, "POST", "u", "/p", 1, 0.0, status=code, retry_in=seconds, waiting=True))

    wait(0.3)
    wait(30.0, 500)
    assert shown == []
    for _ in range(6):
        wait(30.0)
    assert shown == ["drio asks to wait 30 seconds (status 429)…"]


def test_a_long_plan_says_from_time_to_time_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = [0.0]
    monkeypatch.setattr(review, "monotonic", lambda: seconds[0])
    steps = [*range(1_000)]
    executor: Any = SimpleNamespace(steps=steps, untried=steps[250:], result=lambda step: None)
    results = review.ResultsInOrder(executor, lambda _: None)
    for seconds_left, passed in ((None, 60), (3.0, 60), (72.0, 9), (72.0, 11), (60.0, 12)):
        seconds[0] = passed
        executor.seconds_left = lambda left=seconds_left: left
        results(executor)
    assert capsys.readouterr() == ("", "250 of 1,000, about 1 min 10 s left\n")
