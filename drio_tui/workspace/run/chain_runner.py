"""Running a chain one tool at a time, with results that can be edited and arguments that can be chosen in between.

An argument takes what was chosen for it, else the best suggestion (`argument_suggestions`). The best is a value of its
own name at the top of a result, as the endpoint of a deployed app takes it; other paths are kept on this machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.tool_calls import tools
from drio_tui.tool_calls.chain import chain_arguments
from drio_tui.widget_data.jsonpath import PathError
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.argument_suggestions import (
    FIRST_ARGUMENTS,
    ArgumentPath,
    ArgumentSuggestion,
    Source,
    chosen,
    nouns_of,
    rows_path,
    source_of,
    suggest_arguments,
    value_at,
)
from drio_tui.workspace.run.bound_tool import BoundTool, NotRunnable, bound_of, fits
from drio_tui.workspace.run.chain_choices import ChainChoices, Places
from drio_tui.workspace.run.mapping_suggestions import rows_of
from drio_tui.workspace.run.value_shape import Shape

FIRST_CALL = "the first call's arguments"

Suggestions = dict[str, list[ArgumentSuggestion]]
"""Where each argument could come from, the best first."""


@dataclass(slots=True)
class ChainResult:
    """The result of a tool of the chain; `row` is the row of its list that the next tools take arguments from."""

    bound: BoundTool
    value: Document
    row: int = 0

    @property
    def title(self) -> str:
        return self.bound.title


@dataclass(frozen=True, slots=True)
class MappedArguments:
    """An argument, its source (the title of a tool, or the arguments of the first call), and why it was taken."""

    name: str
    value: Any
    source: str
    path: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """The next tool: its `arguments`, the source of each, and the required ones that no result has (`absent`).

    `places` say where each argument comes from, `suggestions` where it could. `rows` is the list of the newest result
    of which a row is chosen, None if it has none. `is_local` says that the endpoint would find other arguments.
    """

    bound: BoundTool
    arguments: Document
    taken: tuple[MappedArguments, ...]
    absent: tuple[str, ...]
    places: Places
    suggestions: Suggestions
    rows: Shape | None = None
    is_local: bool = False

    @property
    def required(self) -> list[str]:
        """The names of the required arguments."""
        return tools.required(self.bound.schema)


@dataclass(slots=True)
class Chain:
    """A chain that is being run: breadth first, each tool once, as the endpoint runs it.

    `results` has the newest last; `first` are the arguments of the first call, `choices` what was chosen earlier, and
    `picked` what was chosen for the next step.
    """

    snapshot: Snapshot
    first: Document
    choices: ChainChoices | None = None
    results: list[ChainResult] = field(default_factory=list)
    waiting: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)
    picked: Places = field(default_factory=dict)
    _cached: tuple[BoundTool, list[Document], tuple[list[Source], Suggestions]] | None = None

    @classmethod
    def begin(
        cls,
        snapshot: Snapshot,
        bound: BoundTool,
        arguments: Document,
        result: Document,
        choices: ChainChoices | None = None,
    ) -> Chain:
        """Return the chain of a tool that has just been run."""
        chain = cls(snapshot, arguments, choices)
        chain.done(bound, result)
        return chain

    @property
    def newest(self) -> ChainResult:
        """The newest result."""
        return self.results[-1]

    def done(self, bound: BoundTool, result: Document) -> None:
        """Record that a tool of the chain was run with this result."""
        self.seen.add(bound.id)
        self.picked = {}
        self.results.append(ChainResult(bound, result))
        self.waiting.extend(bound.next_ids)

    def edit(self, result: Document) -> None:
        """Replace the newest result."""
        self.newest.value = result

    def choose_row(self, row: int) -> None:
        """Take arguments from this row of the newest result."""
        self.newest.row = row

    def pick(self, name: str, place: ArgumentPath | None) -> None:
        """Take an argument of the next tool from this place; None leaves it out."""
        self.picked[name] = place

    def next_step(self) -> tuple[Step | None, list[str]]:
        """Return the next step (None at the end of the chain), and why tools before it cannot be run.

        With large results it takes long: a program computes it in a thread, of a `position`.
        """
        bound, skip_reasons = self.next_tool()
        return self._step(bound) if bound is not None else None, skip_reasons

    def next_tool(self) -> tuple[BoundTool | None, list[str]]:
        """Return the tool of the next step (None at the end), and why tools before it cannot be run."""
        skip_reasons: list[str] = []
        while self.waiting:
            id = self.waiting[0]
            if id not in self.seen:
                try:
                    return bound_of(self.snapshot, id), skip_reasons
                except NotRunnable as error:
                    skip_reasons.append(error.message)
                    self.picked = {}
                    self.seen.add(id)
            self.waiting.popleft()
        return None, skip_reasons

    def skip(self) -> None:
        """Leave out the next tool."""
        bound, _ = self.next_tool()
        self.picked = {}
        if bound is not None:
            self.seen.add(self.waiting.popleft())

    def keep(self, step: Step) -> bool:
        """Keep the choices for a step that the endpoint would not make; return whether there were any. Blocking.

        Raises `NotKept`.
        """
        if self.choices is None or not (step.is_local or self.picked):
            return False
        places = {name: place for name, place in step.places.items() if place is not None or name in self.picked}
        self.choices.keep(self.snapshot, self.newest.bound.id, step.bound.id, places)
        return True

    def position(self) -> Chain:
        """Return a copy to which `restore` goes back."""
        return replace(
            self,
            results=[replace(result) for result in self.results],
            waiting=self.waiting.copy(),
            seen={*self.seen},
            picked={**self.picked},
        )

    def restore(self, position: Chain) -> None:
        """Go back to an earlier position: its results and rows, the tools that wait, and what was picked."""
        self.results, self.waiting = position.results, position.waiting
        self.seen, self.picked = position.seen, position.picked

    def reuse(self, computed: Chain) -> None:
        """Take over the suggestions that were computed of a `position`: they hold while the results are the same."""
        self._cached = computed._cached

    # -- the arguments of a step ------------------------------------------------------------------

    def _step(self, bound: BoundTool) -> Step:
        sources, suggestions = self._suggestions(bound)
        kept = self.choices.places(self.snapshot, self.newest.bound.id, bound.id) if self.choices is not None else {}
        required = tools.required(bound.schema)
        arguments: Document = {}
        places: Places = {}
        taken: list[MappedArguments] = []
        for name, schema in tools.properties(bound.schema).items():
            offers = suggestions.get(name, ())
            best = chosen(name, offers, required=name in required, only_reads=bound.only_reads)
            place = {**kept, **self.picked}.get(name, best.place if best is not None else None)
            places[name] = place
            value = self._value(sources, place) if place is not None else None
            if place is None or value is None or not fits(schema, value):
                continue
            arguments[name] = value
            source = next(source for source in sources if source.tool == place.tool)
            reason = next((offer.reason for offer in offers if offer.place == place), "")
            taken.append(MappedArguments(name, value, source.title, place.path, reason or "as chosen"))
        absent = tuple(name for name in required if name not in arguments)
        by_endpoint = chain_arguments(bound.schema, [source.value for source in sources], fits).arguments
        return Step(
            bound, arguments, tuple(taken), absent, places, suggestions, self._rows(sources[0].shape, places),
            is_local=arguments != by_endpoint,
        )  # fmt: skip

    def _suggestions(self, bound: BoundTool) -> tuple[list[Source], Suggestions]:
        """Return the results, the newest first, and suggestions for the arguments of a tool from them."""
        values = [result.value for result in self.results]
        if self._cached is not None:
            for_bound, for_values, cached = self._cached
            if for_bound == bound and list(map(id, for_values)) == list(map(id, values)):
                return cached
        sources = [
            source_of(
                result.bound.id, result.title, value=result.value, schema=_declared(result.bound, result.value),
                path=result.bound.operation["path"],
            )
            for result in reversed(self.results)
        ]  # fmt: skip
        sources.append(source_of(FIRST_ARGUMENTS, FIRST_CALL, value=self.first))
        nouns = nouns_of(bound.title, bound.operation["path"])
        found = sources, suggest_arguments(bound.schema, sources, fits, nouns=nouns)
        self._cached = bound, values, found
        return found

    def _value(self, sources: Sequence[Source], place: ArgumentPath) -> Any:
        """Return what is at a place now; None where there is nothing."""
        if place.tool == FIRST_ARGUMENTS:
            value, row = self.first, 0
        else:
            result = next((result for result in reversed(self.results) if result.bound.id == place.tool), None)
            if result is None:
                return None
            value, row = result.value, result.row
        try:
            return value_at(value, place.path, row)
        except PathError:
            return None

    def _rows(self, newest: Shape, places: Places) -> Shape | None:
        """Return the list of the newest result of which a row is chosen."""
        paths = [
            rows_path(place.path)
            for place in places.values()
            if place is not None and place.tool == self.newest.bound.id and rows_path(place.path)
        ]
        lists = {shape.path: shape for shape in newest.walk() if shape.items is not None}
        return next((lists[path] for path in paths if path in lists), None) or rows_of(newest)


def _declared(bound: BoundTool, value: Document) -> Any:
    """Return the output schema if it is that of the result as it is, not of a value that was wrapped into an object."""
    schema = bound.output_schema
    wrapped = set(value) == {"result"} and "result" not in tools.properties(schema if isinstance(schema, dict) else {})
    return None if wrapped else schema
