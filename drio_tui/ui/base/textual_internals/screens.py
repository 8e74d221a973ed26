"""The stacks of screens, their sizes, and Textual's command palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual._context import active_message_pump
from textual.app import App
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.worker import Worker, active_worker

if TYPE_CHECKING:
    _ScreenBase = Screen[Any]
else:
    _ScreenBase = object
_PALETTE_SEARCH = "--textual-command-palette-gather-commands"
"""The worker group in which Textual's command palette searches."""


class IgnoresStaleSizes(_ScreenBase):
    """Mixed into screens, before Textual's class: ignores sizes that the terminal no longer has.

    Textual's layout posts its size to the screen itself, which lays out the screens behind it again (8.2): two sizes
    in the queue at once would trigger each other for ever.
    """

    def on_resize(self, event: events.Resize) -> None:
        if event.size != self.app.size:
            event.stop()
            event.prevent_default()


class OpensAtOnce(_ScreenBase):
    """Mixed into screens, before Textual's class: a screen gets the classes of its size before it is laid out.

    Textual (8.2) lays a screen out before it knows them, and again afterwards. It applies the styles of a new screen
    twice more, and paints it before its widgets know their sizes and again at every event after that, with what is
    behind a dialog. Here it is painted at the next tick of its timer.
    """

    _is_opening = False

    def _post_register(self, app: App[Any]) -> None:
        super()._post_register(app)
        self.add_class(*(name for name, applies in self._classes_of(app.size).items() if applies), update=False)

    def _classes_of(self, size: Size) -> dict[str, bool]:
        """Return the classes that depend on the size of the terminal, and whether a screen of `size` has them."""
        classes: dict[str, bool] = {}
        for length, own, apps in (
            (size.width, self.HORIZONTAL_BREAKPOINTS, self.app.HORIZONTAL_BREAKPOINTS),
            (size.height, self.VERTICAL_BREAKPOINTS, self.app.VERTICAL_BREAKPOINTS),
        ):
            breakpoints = (apps if own is None else own) or []
            classes |= {name: False for _, name in breakpoints}
            classes |= dict.fromkeys(self._get_breakpoint_classes(length, breakpoints), True)
        return classes

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        if self.stack_updates:  # it was shown before
            return
        event.prevent_default()
        event.refresh_styles = False  # each widget got its styles when it was mounted
        self._is_opening = True
        super()._on_screen_resume(event)
        self._is_opening = False

    def _compositor_refresh(self) -> None:
        if not self._is_opening:
            super()._compositor_refresh()

    def _on_timer_update(self) -> None:
        if self._repaint_required and (self._layout_required or self._scroll_required):
            self._repaint_required = False  # else Textual would paint what has changed, and then all of it
            self._dirty_widgets.add(self)
        super()._on_timer_update()

    def _screen_resized(self, size: Size) -> None:
        if self._compositor.size != size:  # else a layout that is required comes with the next frame
            self.update_classes(self._classes_of(size), animate=False)
            super()._screen_resized(size)


def all_screens(app: App[Any]) -> list[Screen[Any]]:
    """Return the screens of every mode, not only of the current one."""
    return [screen for stack in app._screen_stacks.values() for screen in stack]


def mode_of(app: App[Any], screen: Screen[Any]) -> str:
    """Return the mode in whose stack `screen` is."""
    return next(mode for mode, stack in app._screen_stacks.items() if screen in stack)


def is_first_of_its_area(screen: Screen[Any]) -> bool:
    """Return whether `screen` is the first of its mode's stack, which Textual does not remove."""
    return any(stack[:1] == [screen] for stack in screen.app._screen_stacks.values())


def make_command_palette() -> Screen[Any]:
    """Return Textual's command palette, made safe to remove while it searches, as when the program ends.

    Textual's own would show the results in widgets that are removed by then, and its worker would fail (8.2).
    """
    from textual.command import CommandList, CommandPalette  # opened long after the first frame
    from textual.widgets import LoadingIndicator

    class Palette(CommandPalette):
        BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "app.quit", show=False)]

        def _watch__list_visible(self) -> None:
            if self.query(CommandList):
                super()._watch__list_visible()

        async def _watch__show_busy(self) -> None:
            if self.query(LoadingIndicator):
                await super()._watch__show_busy()

    return Palette(placeholder="Search apps and what is in them, templates, settings, commands…")


def is_searching(screen: Screen[Any]) -> bool:
    """Return whether `screen` is Textual's command palette and still searches."""
    return any(worker.group == _PALETTE_SEARCH and worker.is_running for worker in screen.workers)


def screen_of_active_pump() -> Screen[Any] | None:
    """Return the screen of the widget that is handling a message; None for the app's own messages."""
    pump: Any = active_message_pump.get(None)
    while pump is not None and not isinstance(pump, Screen):
        pump = pump._parent
    return pump


def current_worker() -> Worker[Any] | None:
    """Return the worker that is running; None outside of workers."""
    return active_worker.get(None)


def opening_screen(app: App[Any]) -> Screen[Any] | None:
    """Return the screen whose worker, or whose message handler, is running; None if it is the app's own."""
    worker = current_worker()
    if worker is None:
        return screen_of_active_pump()
    if worker.node is app:
        return None
    return next((node for node in worker.node.ancestors_with_self if isinstance(node, Screen)), None)


def is_covered(app: App[Any], screen: Screen[Any]) -> bool:
    """Return whether `screen` is open, but below another one or in a mode that is not shown."""
    return app.screen is not screen and screen in all_screens(app)


async def replace_screens(app: App[Any], mode: str, index: int, screen: Screen[Any]) -> None:
    """Replace the screen at `index` of a mode's stack, and those above it, by `screen`.

    Their result callbacks get None. Their message loops may have ended, so they cannot be dismissed.
    """
    stack = app._screen_stacks[mode]
    removed = stack[index:]
    mounted = app.push_screen(screen, mode=mode)
    for old in reversed(removed):
        stack.remove(old)
        for callback in old._result_callbacks:
            if callback.future is not None and callback.future.done():
                callback.future = None
            callback(None)
    await mounted
    for old in reversed(removed):
        await app._replace_screen(old)
