"""When drio is looked at for changes by others."""

from __future__ import annotations

from drio_tui.ui.base.polling import PollSchedule


def test_checks_come_later_and_later_until_something_changes_or_the_user_is_back() -> None:
    now = 1000.0
    schedule = PollSchedule(15.0, 120.0)
    schedule.read(now)
    waits = []
    for _ in range(7):
        wait = schedule.due_in(now)
        waits.append(wait)
        now += wait
        schedule.unchanged(now)
    assert waits == [15.0, 22.5, 33.75, 50.625, 75.9375, 113.90625, 120.0]
    schedule.hurry()
    assert schedule.due_in(now) == 15.0
    assert schedule.due_in(now + 20) == 0.0
    schedule.unchanged(now)
    schedule.read(now)
    assert schedule.due_in(now) == 15.0


def test_after_an_error_the_next_check_waits_longer_and_as_long_as_drio_asked() -> None:
    schedule = PollSchedule(15.0, 120.0)
    schedule.read(0.0)
    waits = []
    for retry_after in (0.0, 0.0, 90.0, 300.0, 0.0):
        schedule.failed(0.0, retry_after)
        schedule.hurry()  # the user does not make drio answer
        waits.append(schedule.due_in(0.0))
    assert waits == [30.0, 60.0, 120.0, 300.0, 120.0]
    schedule.unchanged(0.0)
    assert schedule.due_in(0.0) == 120.0
    schedule.hurry()
    assert schedule.due_in(0.0) == 15.0


def test_two_checks_are_never_closer_than_the_first_pause() -> None:
    schedule = PollSchedule(15.0, 120.0)
    for event in (schedule.read, schedule.unchanged, schedule.failed):
        event(50.0)
        schedule.hurry()
        assert schedule.due_in(50.0) >= 15.0
