"""The steps of the studio, each a page of its own that is filled when somebody first looks at it.

What lives here: ``Step`` and the six of them. What does not: how they hang together (``page``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from workbench.errors import WorkbenchError
from workbench.widgets.studio import parts
from workbench.widgets.studio.texts import Texts
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.runs.run import Run

LISTED: Final = 50  # newest runs to choose from


class Step(ipywidgets.VBox):
    """One step.

    Args:
        ws: the workspace.
        texts: what it says.
        did: is told the Python line of what was done by hand.
        go: shows another step.
    """

    def __init__(self, ws: Workspace, texts: Texts, did: Callable[[str], None], go: Callable[[str], None]) -> None:
        super().__init__(layout={"overflow": "visible"})
        self.ws, self.texts, self.did, self.go = ws, texts, did, go
        self._problem = ipywidgets.HTML(layout={"display": "none"})
        self._filled = False

    def show(self) -> None:
        """Fill the step when it is looked at for the first time, then bring it up to date."""
        if not self._filled:
            self._filled = True
            self.fill()
        self.renew()

    def fill(self) -> None:
        """Make what stands on it."""

    def renew(self) -> None:
        """Bring it up to date."""

    def attempt(self, deed: Callable[[], object]) -> bool:
        """Do something; an error is shown on the step. Returns whether it was done."""
        try:
            deed()
        except WorkbenchError as error:
            self._problem.value = parts.beats(error)
            self._problem.layout.display = ""
            return False
        self._problem.layout.display = "none"
        return True


class DataStep(Step):
    """Choose a dataset, look into it, add one.

    Attributes:
        browser: the dataset browser; None without a dataset.
        use: is told which dataset to train on.
    """

    browser: Any = None
    use: Callable[[str], None]
    _shown = ""

    def fill(self) -> None:
        """Make the choice, the form to add one, and the place of the browser."""
        say = self.texts
        self._choice = ipywidgets.Dropdown(
            description=say["dataset"], tooltip=say["dataset"], style={"description_width": "auto"}
        )
        self._choice.observe(lambda _change: self._look(), "value")
        self._use = parts.action(say["use"], lambda: self.use(str(self._choice.value)), primary=True)
        self._more = ipywidgets.ToggleButton(
            description=say["add_more"], tooltip=say["add_help"], layout={"width": "auto"}
        )
        self._more.observe(lambda _change: self._arrange(), "value")
        self._where = ipywidgets.Text(placeholder=say["add_where"], tooltip=say["add_help"], layout={"width": "24em"})
        self._name = ipywidgets.Text(placeholder=say["name"], tooltip=say["name"], layout={"width": "10em"})
        self._add_button = parts.action(say["add"], self._add, tip=say["add_help"])
        self._sample = parts.action(say["sample"], self._add_sample)
        self._top = parts.bar(self._choice, self._use, self._more)
        self._form = parts.bar(self._where, self._name, self._add_button, self._sample)
        self._place = ipywidgets.VBox()
        self.children = (self._top, self._form, self._problem, self._place)

    def renew(self) -> None:
        """List the datasets anew; the chosen one stays."""
        names = tuple(dataset.name for dataset in self.ws.datasets.list())
        chosen = self._choice.value
        if names != self._choice.options:
            self._choice.options = names
        self._choice.value = chosen if chosen in names else next(iter(names), None)
        self._arrange()
        if not names:
            self._place.children = (parts.note(self.texts["data_empty"]),)
        elif self.browser is None:
            self._look()

    def _arrange(self) -> None:
        """Show what there is to do: without a dataset only how to add one."""
        names = self._choice.options
        self._top.layout.display = "flex" if names else "none"
        self._form.layout.display = "flex" if self._more.value or not names else "none"
        self._sample.layout.display = "none" if "digits" in names else ""

    def _look(self) -> None:
        from workbench.widgets.grid import browse

        name = self._choice.value
        if not name or (self.browser is not None and self._shown == name):
            return

        def look() -> None:
            found = browse(self.ws.datasets.show(name), lang=self.texts.lang)
            before, self.browser, self._shown = self.browser, found, name
            self._place.children = (found,)
            if before is not None:
                before.close()
            self.did(f'wb.browse(ws.datasets.show("{name}"))')

        self.attempt(look)

    def _add(self) -> None:
        where, name = self._where.value.strip(), self._name.value.strip() or None
        line = f"ws.datasets.add({where!r}" + (f", name={name!r})" if name else ")")
        self._register(lambda: self.ws.datasets.add(where, name), line)

    def _add_sample(self) -> None:
        self._register(self.ws.datasets.add_sample, "ws.datasets.add_sample()")

    def _register(self, add: Callable[[], Any], line: str) -> None:
        self._place.children = (parts.note(self.texts["adding"]),)
        added: list[str] = []
        if self.attempt(lambda: added.append(add().name)):
            self._where.value = self._name.value = ""
            self.did(line)
        before, self.browser = self.browser, None
        if before is not None:
            before.close()
        self.renew()
        if added:
            self._more.value = False
            self._choice.value = added[0]


class ConfigStep(Step):
    """Say or click what to train.

    Attributes:
        chat: the chat.
        form: the config as a form; both edit one config.
    """

    chat: Any = None
    form: Any = None

    def fill(self) -> None:
        """Make the chat and the form beside it."""
        from workbench.widgets.chat import chat_view
        from workbench.widgets.form import config_form

        self.chat = chat_view(self.ws, lang=self.texts.lang)
        self.form = config_form(self.ws, self.chat, lang=self.texts.lang)
        start = parts.action(self.texts["start"], self._start, tip=self.texts["start_help"], primary=True)
        wide = {"flex": "3 1 420px", "min_width": "0"}
        narrow = {"flex": "2 1 340px", "min_width": "0"}
        sides = ipywidgets.Box(
            (ipywidgets.VBox((self.chat,), layout=wide), ipywidgets.VBox((start, self.form), layout=narrow)),
            layout={"display": "flex", "flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "16px"},
        )
        self.children = (self._problem, sides)

    def use(self, dataset: str) -> None:
        """Train on a dataset."""
        self.show()
        self.attempt(lambda: self.chat.edit(data=dataset))
        self.did(f'chat.edit(data="{dataset}")')

    def _start(self) -> None:
        said = self.texts["start_said"]
        self.attempt(lambda: self.chat.say(said))
        self.did(f'chat.say("{said}")')


class RunsStep(Step):
    """All runs, and what can be done to them.

    Attributes:
        board: the run board.
    """

    board: Any = None

    def fill(self) -> None:
        """Make the board."""
        from workbench.widgets.board import board

        self.board = board(self.ws, lang=self.texts.lang)
        watch = parts.action(self.texts["watch_chosen"], lambda: self.go("watch"))
        export = parts.action(self.texts["export_chosen"], lambda: self.go("export"))
        self.children = (parts.bar(watch, export), self._problem, self.board)


class WatchStep(Step):
    """The curves of some runs, live.

    Attributes:
        chart: the chart; None without a run.
    """

    chart: Any = None

    def fill(self) -> None:
        """Make the choice of runs, and the place of the chart."""
        self._choice = ipywidgets.SelectMultiple(
            description=self.texts["newest"],
            tooltip=self.texts["watch_help"],
            rows=4,
            layout={"width": "min(46em, 100%)"},
            style={"description_width": "auto"},
        )
        self._choice.observe(lambda _change: self._look(), "value")
        self._place = ipywidgets.VBox()
        self.children = (parts.bar(self._choice), self._problem, self._place)

    def renew(self) -> None:
        """List the newest trainings anew; without a choice the newest one is watched."""
        runs = self.ws.runs(kind="train")[:LISTED]
        options = tuple((_label(run), run.id) for run in runs)
        if options != self._choice.options:
            chosen = [run_id for run_id in self._choice.value if run_id in {run.id for run in runs}]
            self._choice.options = options
            self._choice.value = chosen
        if not runs:
            self._place.children = (parts.note(self.texts["watch_empty"]),)
        elif not self._choice.value:
            self._choice.value = (runs[0].id,)

    def choose(self, runs: list[str]) -> None:
        """Watch some runs; of those that are not among the newest nothing is shown."""
        self.show()
        there = [value for _, value in self._choice.options]
        self._choice.value = [run_id for run_id in runs if run_id in there] or self._choice.value

    def _look(self) -> None:
        from workbench.widgets.chart import watch

        chosen = list(self._choice.value)
        if not chosen:
            return

        def look() -> None:
            found = watch([self.ws.run(run_id) for run_id in chosen], lang=self.texts.lang)
            before, self.chart = self.chart, found
            self._place.children = (found,)
            if before is not None:
                before.close()
            names = ", ".join(f'ws.run("{run_id}")' for run_id in chosen)
            self.did(f"wb.watch([{names}])" if len(chosen) > 1 else f"wb.watch({names})")

        self.attempt(look)


class ExportStep(Step):
    """Formats to export a run to, and how well each export answers.

    Attributes:
        wizard: the export wizard; None before the step was looked at.
    """

    wizard: Any = None

    def fill(self) -> None:
        """Make the wizard."""
        from workbench.widgets.export_wizard import export_wizard

        self.wizard = export_wizard(self.ws, lang=self.texts.lang)
        self.children = (self._problem, self.wizard)

    def choose(self, run: str) -> None:
        """Export a run."""
        self.show()
        self.wizard.run, self.wizard.opened = run, ""


class DeployStep(Step):
    """What answers on this machine."""

    def renew(self) -> None:
        """List the deployments."""
        say = self.texts
        heads = (say["name"], say["address"], say["since"])
        rows = [(each.name, each.url, each.started_at) for each in self.ws.deployments.alive()]
        refresh = parts.action(say["refresh"], self.renew)
        self.children = (parts.bar(refresh), self._problem, parts.table(heads, rows, say["deploy_empty"]))


def _label(run: Run) -> str:
    name = run.spec.name
    return f"{run.id}  {name}  {run.state}" if name else f"{run.id}  {run.state}"
