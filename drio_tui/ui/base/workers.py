"""Starting workers: the one place that calls `run_worker` of Textual."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from textual.worker import Worker

R = TypeVar("R")
Arguments = TypeVarTuple("Arguments")


class RunsWorkers(Protocol):
    """The app, a screen or a widget: its workers are cancelled when it is removed."""

    def run_worker(self, work: Any, *, name: str | None = ..., group: str = ..., exclusive: bool = ...) -> Any: ...


def start_worker(
    owner: RunsWorkers,
    work: Callable[[Unpack[Arguments]], Awaitable[R]],
    *arguments: *Arguments,
    group: str,
    exclusive: bool = False,
) -> Worker[R]:
    """Run `await work(*arguments)` in a worker of `owner`, which is named after its group.

    `exclusive` cancels the running workers of the group. The function is passed, not a coroutine: Textual would never
    await a coroutine whose worker is cancelled before it starts.
    """

    async def run() -> R:
        return await work(*arguments)

    worker: Worker[R] = owner.run_worker(run, name=group, group=group, exclusive=exclusive)
    return worker
