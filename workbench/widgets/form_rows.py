"""One field of the config as stock widgets: its control, where its value comes from, and why a value was not taken.

What lives here: ``FieldRow``. What does not: the form that they stand in (``form``), and what they show
(``state.form``).
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final

import ipywidgets as stock

from workbench.chat.turn import Language
from workbench.widgets.state.form import Fault, Field

_TEXTS: Final = {
    "reset": ("Reset", "초기화"),
    "reset_of": ("Back to the default: {}", "기본값으로: {}"),
    "take": ("Take {}", "{}로 하기"),
    "on": ("on", "켬"),
}


def said(key: str, language: Language, *values: str) -> str:
    """Return a text of the rows in a language."""
    return _TEXTS[key][language == "ko"].format(*values)


class FieldRow:
    """A field of the form.

    Args:
        field: as it is now.
        language: of its texts.
        wanted: is called with what stands in the control when a person has changed it; ``None`` only shows it.
        reset: is called when the default is wanted.

    Attributes:
        widget: all of it.
        control: what a value is chosen or typed in.
    """

    def __init__(
        self, field: Field, language: Language, wanted: Callable[[Any], object] | None, reset: Callable[[], object]
    ) -> None:
        self._field, self._language, self._wanted, self._reset = field, language, wanted, reset
        self._quiet = False  # while the value is shown, not chosen
        self._button: Any = None
        self.fault: Fault | None = None
        self.control = _control(field)
        self.control.disabled = wanted is None
        if wanted is not None:
            self.control.observe(self._chosen, "value")
        self._badge = stock.HTML(_badge(field))
        self._badge.add_class("wb-form-source")
        self._line = stock.HBox([self.control, self._badge])
        self._line.add_class("wb-form-line")
        self.widget = stock.VBox([self._line])
        self.widget.add_class("wb-form-row")
        self._show_reset()

    def update(self, field: Field) -> None:
        """Show the field as it is now; what was typed and not taken stays until the value is another one."""
        before, self._field = self._field, field
        if self.fault is not None and before.raw == field.raw:
            return
        self.explain(None)
        self._quiet = True
        try:
            _fill(self.control, field)
        finally:
            self._quiet = False
        self._badge.value = _badge(field)
        self._show_reset()

    def explain(self, fault: Fault | None) -> None:
        """Say at the field why a value was not taken; ``None`` takes that away."""
        if fault is None and self.fault is None:
            return
        self.fault = fault
        if fault is None:
            self.control.remove_class("wb-form-wrong")
            self.widget.children = (self._line,)
            return
        self.control.add_class("wb-form-wrong")
        told = stock.HTML(f'<div role="alert">{escape(fault.text)}</div>')
        told.add_class("wb-form-fault")
        parts: list[Any] = [told]
        if fault.nearest is not None:
            label = said("take", self._language, fault.nearest_label)
            take = stock.Button(description=label, layout={"width": "auto", "align_self": "flex-start"})
            take.on_click(lambda _button: self._want(fault.nearest))
            parts.append(take)
        self.widget.children = (self._line, stock.VBox(parts))

    def _chosen(self, change: Any) -> None:
        if not self._quiet:
            self._want(change["new"])

    def _want(self, raw: Any) -> None:
        if self._wanted is not None:
            self._wanted(raw)

    def _show_reset(self) -> None:
        if self._wanted is None or not self._field.changed:
            self._line.children = (self.control, self._badge)
            return
        if self._button is None:
            label = said("reset", self._language)
            hint = said("reset_of", self._language, self._field.label)
            self._button = stock.Button(description=label, tooltip=hint)
            self._button.add_class("wb-form-reset")
            self._button.on_click(lambda _button: self._reset())
        self._line.children = (self.control, self._badge, self._button)


def _control(field: Field) -> Any:
    common = {"description": field.label, "tooltip": field.doc}
    wide = {**common, "style": {"description_width": "46%"}}
    match field.kind:
        case "flag":
            made = stock.Checkbox(value=bool(field.raw), indent=False, **common)
        case "choice":
            made = stock.Dropdown(options=list(field.options), value=field.raw, **wide)
        case "suggest":
            options = [label for label, _ in field.options]
            made = stock.Combobox(value=field.raw, options=options, continuous_update=False, **wide)
        case _:
            made = stock.Text(value=field.raw, continuous_update=False, **wide)
    if field.kind in ("suggest", "text"):
        made.placeholder = field.empty
    made.add_class("wb-form-control")
    return made


def _fill(control: Any, field: Field) -> None:
    control.tooltip = field.doc
    if field.kind == "choice" and tuple(control.options) != field.options:
        control.options = list(field.options)
    if field.kind == "suggest":
        control.options = [label for label, _ in field.options]
    control.value = field.raw


def _badge(field: Field) -> str:
    hint = f' title="“{escape(field.evidence, quote=True)}”"' if field.evidence else ""
    return f'<span class="wb-form-badge wb-form-{escape(field.source)}"{hint}>{escape(field.source_label)}</span>'
