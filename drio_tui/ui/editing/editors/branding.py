"""The editor of an app's branding: colours with their contrast, and a preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.style import Style

from drio_tui import contrast
from drio_tui.contrast import Rgb
from drio_tui.schema.fields import SchemaOverlay
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.editing.editors.base import status_text
from drio_tui.ui.editing.editors.form_editor import FormEditor
from drio_tui.ui.widgets.sanitize import sanitize_line

_PREVIEW_WIDTH = 34
_CORNERS = {"none": "┌┐└┘"}
_ROUND = "╭╮╰╯"
_RADII = {"none": "0", "sm": "4 px", "md": "8 px", "lg": "12 px", "xl": "16 px", "full": "fully round"}
_STATUS = {"AAA": "good", "AA": "good", "large text only": "warning", "too low": "bad"}


class BrandingEditor(FormEditor):
    """Form, contrast check and preview of `branding`."""

    properties = ("branding",)
    model_name = "AppPatch"
    nested = True
    hints = SchemaOverlay(
        extra={
            "branding.fontFamily": {"description": "By name; a client that does not have it shows its own."},
            "branding.backgroundColor": {"description": "Behind everything. Text on it is black or white."},
        }
    )
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "branding",
        "Branding",
        Key(
            "branding.readable",
            "f6",
            "readable",
            "Readable",
            "Replace the first colour of too little contrast by the nearest readable one",
        ),
    )

    def _branding(self) -> Mapping[str, Any]:
        value = self.model.value()
        return value if isinstance(value, Mapping) else {}

    def notes(self) -> list[Content]:
        branding = self._branding()
        lines = super().notes()
        lines += [Content.styled("Contrast", "bold $text-primary")]
        for pair in contrast.pairs(branding):
            sample = Content.styled(" Aa ", _style(pair.front, pair.ground))
            contrast_line = status_text(
                _STATUS[pair.grade], f"{contrast.ratio_text(pair.ratio):>4}:1 {pair.grade:<3}  {pair.what}", 60
            )
            lines.append(Content.assemble(sample, " ", contrast_line))
            if pair.better:
                better = contrast.parse(pair.better) or contrast.BLACK
                lines.append(
                    Content.assemble(
                        "       F6 takes ", ("    ", _style(better, better)), " ", (pair.better, "$foreground-muted")
                    )
                )
        return [*lines, Content(), Content.styled("Preview", "bold $text-primary"), *self.preview()]

    def preview(self) -> list[Content]:
        """Return the lines of the preview."""
        branding = self._branding()
        name = self.resource.get("name")
        ground = contrast.parse(branding.get("backgroundColor")) or contrast.WHITE
        text = contrast.best_on(ground)
        primary = contrast.parse(branding.get("primaryColor"), ground) or text
        accent = contrast.parse(branding.get("accentColor"), ground) or primary
        label = contrast.best_on(accent)
        radius = branding.get("borderRadius")
        corners = _CORNERS.get(str(radius), _ROUND)
        plain, edge = _style(text, ground), _style(primary, ground)
        width = _PREVIEW_WIDTH - 4

        def line(inner: Content) -> Content:
            gap = " " * max(0, width - inner.cell_length)
            return Content.assemble(("│ ", edge), inner, (gap, plain), (" │", edge))

        title = sanitize_line(
            name if isinstance(name, str) and name else "Your app", width, _style(primary, ground, True)
        )
        button = Content.styled("  Open ticket  ", _style(label, accent, True))
        lines = [
            Content.styled(corners[0] + "─" * (_PREVIEW_WIDTH - 2) + corners[1], edge),
            line(title),
            line(Content.styled("Two tickets wait for an answer."[:width], plain)),
            line(Content.assemble(button, ("  Later", _style(accent, ground)))),
            Content.styled(corners[2] + "─" * (_PREVIEW_WIDTH - 2) + corners[3], edge),
        ]
        font = branding.get("fontFamily")
        caption = f"Font {font}" if isinstance(font, str) and font else "No font chosen"
        caption += f" · corners {radius}" + (f" ({_RADII[radius]})" if radius in _RADII else "") if radius else ""
        return [*lines, sanitize_line(caption, 60, "$foreground-muted")]

    def action_readable(self) -> None:
        for pair in contrast.pairs(self._branding()):
            if pair.better:
                self.set_field(pair.member, pair.better)
                return
        self.notify("Every colour can be read already.", markup=False)


def _style(front: Rgb, ground: Rgb, bold: bool = False) -> Style:
    return Style.parse(f"{'bold ' if bold else ''}{contrast.hex_of(front)} on {contrast.hex_of(ground)}")
