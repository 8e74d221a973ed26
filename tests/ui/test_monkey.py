"""The short form of scripts/monkey.py."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.ui.monkey import Monkey, events_of


def test_a_seed_always_gives_the_same_events() -> None:
    first, repeated, other_seed = (list(islice(events_of(seed), 500)) for seed in (4, 4, 5))
    assert first == repeated != other_seed
    assert not any("q" in event.data for event in first)  # it would quit


@pytest.mark.socket
@pytest.mark.slow
def test_twenty_seconds_of_random_input_neither_end_nor_block_the_program(tmp_path: Path) -> None:
    result = Monkey(tmp_path, 8, start="app", patience=40, sandbox_every=8).play(20)
    assert result.findings == []
    assert result.starts == 1
    assert result.memory
