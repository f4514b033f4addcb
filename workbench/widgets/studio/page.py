"""The studio's page: its steps, left to right, and the Python line of what was done last.

What lives here: ``Studio`` and ``studio``. What does not: what stands on each step (``steps``).
"""

from __future__ import annotations

from html import escape
from typing import Any, Final

import ipywidgets
import traitlets

from workbench.errors import ParameterError, did_you_mean
from workbench.widgets.base import LANGUAGES
from workbench.widgets.studio import parts
from workbench.widgets.studio.steps import ConfigStep, DataStep, DeployStep, ExportStep, RunsStep, Step, WatchStep
from workbench.widgets.studio.texts import Texts
from workbench.workspace import Workspace
from workbench.workspace import open as open_workspace

_KINDS: Final[dict[str, type[Step]]] = {
    "data": DataStep,
    "config": ConfigStep,
    "runs": RunsStep,
    "watch": WatchStep,
    "export": ExportStep,
    "deploy": DeployStep,
}
STEPS: Final = tuple(_KINDS)


class Studio(ipywidgets.VBox):
    """The flow of work as one page.

    Args:
        ws: the workspace.
        lang: ``en``, ``ko``, or ``auto``.
        step: which step to begin with.

    Attributes:
        step: the step that is shown: data, config, runs, watch, export or deploy.
        python: the line that does what was done last by hand.
    """

    step = traitlets.Enum(STEPS, "data")
    python = traitlets.Unicode("")

    def __init__(self, ws: Workspace, *, lang: str = "auto", step: str = "data") -> None:
        for name, value, known in (("lang", lang, LANGUAGES), ("step", step, STEPS)):
            if value not in known:
                raise ParameterError(f"{name} is '{value}'.", f"One of {', '.join(known)}.", did_you_mean(value, known))
        self.workspace, texts = ws, Texts(lang)
        self._steps = {name: kind(ws, texts, self._did, self._go) for name, kind in _KINDS.items()}
        self._tabs = ipywidgets.Tab(
            children=list(self._steps.values()), titles=[texts[name] for name in STEPS], layout={"overflow": "visible"}
        )
        self._line = ipywidgets.HTML()
        self._label = texts["python"]
        head = ipywidgets.HTML(
            '<div style="display:flex;flex-wrap:wrap;gap:4px 16px;align-items:baseline;line-height:1.5">'
            f'<b style="font-size:var(--jp-ui-font-size2)">{escape(texts["title"])}</b>'
            '<span style="color:var(--jp-ui-font-color2);overflow-wrap:anywhere">'
            f"{escape(str(ws.paths.root))}</span></div>"
        )
        super().__init__(children=(head, self._tabs, self._line), step=step)
        data: Any = self._steps["data"]
        data.use = self._use
        self._tabs.selected_index = STEPS.index(step)
        self._steps[step].show()
        self._tabs.observe(lambda change: self._turn(change["new"]), "selected_index")
        self.observe(lambda change: self._go(change["new"]), "step")

    def __repr__(self) -> str:
        return f"<Studio of {self.workspace.paths.root.name}>"

    @property
    def chat(self) -> Any:
        """The chat; None before its step was looked at."""
        return getattr(self._steps["config"], "chat", None)

    @property
    def form(self) -> Any:
        """The config as a form; None before its step was looked at."""
        return getattr(self._steps["config"], "form", None)

    @property
    def browser(self) -> Any:
        """The dataset browser; None without a dataset."""
        return getattr(self._steps["data"], "browser", None)

    @property
    def board(self) -> Any:
        """The run board; None before its step was looked at."""
        return getattr(self._steps["runs"], "board", None)

    @property
    def chart(self) -> Any:
        """The chart; None before a run was watched."""
        return getattr(self._steps["watch"], "chart", None)

    @property
    def wizard(self) -> Any:
        """The export wizard; None before its step was looked at."""
        return getattr(self._steps["export"], "wizard", None)

    def _did(self, line: str) -> None:
        self.python = line
        self._line.value = parts.code(self._label, line)

    def _go(self, step: str) -> None:
        self._tabs.selected_index = STEPS.index(step)
        chosen = list(self.board.selected) if self.board is not None else []
        there: Any = self._steps[step]
        if step == "watch" and chosen:
            there.choose(chosen)
        if step == "export" and chosen:
            there.choose(chosen[0])

    def _turn(self, place: int | None) -> None:
        if place is None:
            return
        self.python = self._line.value = ""  # what was done on another step says nothing of this one
        self.step = STEPS[place]
        self._steps[self.step].show()

    def _use(self, dataset: str) -> None:
        self._go("config")
        config: Any = self._steps["config"]
        config.use(dataset)


def studio(ws: Workspace | None = None, *, lang: str = "auto", step: str = "data") -> Studio:
    """Show the flow of work as one page: data, config, runs, curves, exports, deployments.

    Args:
        ws: the workspace; left out, ``wb.open()``.
        lang: of what it says: ``en``, ``ko``, or ``auto`` for the kernel's locale.
        step: which step to begin with.

    Raises:
        ParameterError: when there is no such language or step.
        StorageError: when the workspace cannot be opened.
    """
    return Studio(ws or open_workspace(), lang=lang, step=step)
