"""The export wizard: a run's model in formats that serve, each with proof that it answers like the model.

What lives here: the widget, its traits and its look at the ledger. What does not: what it answers
(``state.exporting``).
"""

from __future__ import annotations

from typing import Any

import traitlets
from pydantic import ValidationError

from workbench.errors import ParameterError, RequestError, did_you_mean
from workbench.exports.export import Export
from workbench.exports.formats import find_format
from workbench.exports.request import ExportRequest
from workbench.runs.run import Run
from workbench.widgets.base import Widget, script, stylesheet
from workbench.widgets.state.exporting_proof import ExportingProof
from workbench.widgets.state.exporting_wanted import Options, plan
from workbench.widgets.state.watching import Look
from workbench.workspace import Workspace


class ExportWizard(Widget):
    """An export wizard.

    Attributes:
        run: the id of the training run that is exported; empty for the newest.
        chosen: precisions by format, e.g. ``{"onnx": "fp16", "torchscript": "fp32"}``.
        options: of ``imgsz``, ``dynamic``, ``nms``, ``opset``, ``simplify``, ``accept`` and ``fresh``, those that are
            to be different, see ``ExportRequest``; ``fresh`` makes exports that are there anew.
        opened: the id of the export whose certificate is shown; empty for none.
        everything: exports of all runs are listed.
    """

    _esm = script("exporting")
    _css = stylesheet("exporting")
    shows = "exports"

    run = traitlets.Unicode("").tag(sync=True)
    chosen = traitlets.Dict({"onnx": "fp32"}).tag(sync=True)
    options = traitlets.Dict({}).tag(sync=True)
    opened = traitlets.Unicode("").tag(sync=True)
    everything = traitlets.Bool(False).tag(sync=True)

    model: ExportingProof

    @property
    def requests(self) -> list[ExportRequest]:
        """What is chosen, as requests for ``ws.export``.

        Raises:
            RequestError: when something of it cannot be asked for.
        """
        found = []
        for each in plan(self.chosen, Options(**self.options)):
            if each.request is None:
                raise each.problem or RequestError(f"{each.words} cannot be asked for.")
            found.append(each.request)
        return found

    @property
    def export(self) -> Export | None:
        """The export whose certificate is shown."""
        workspace = self.model.workspace
        return Export(Run(workspace.ledger, workspace.dispatcher, self.opened)) if self.opened else None

    def begin(self) -> Look:
        """Look at the exports."""
        return self._look

    @traitlets.validate("chosen")
    def _known_formats(self, proposal: Any) -> dict[str, str]:
        given: dict[str, str] = proposal["value"]
        for name, precision in given.items():
            known = find_format(name).precisions
            if precision not in known:
                raise ParameterError(
                    f"{name} does not come in the precision '{precision}'.",
                    f"One of {', '.join(known)}.",
                    did_you_mean(str(precision), known),
                )
        return given

    @traitlets.validate("options")
    def _known_options(self, proposal: Any) -> dict[str, Any]:
        given: dict[str, Any] = proposal["value"]
        try:
            Options(**given)
        except ValidationError as error:
            wrong = error.errors()[0]
            name, known = str(wrong["loc"][0]), list(Options.model_fields)
            raise ParameterError(
                f"The wizard's option '{name}' is wrong: {wrong['msg']}.",
                f"One of {', '.join(known)}.",
                did_you_mean(name, known),
            ) from error
        return given

    def _look(self) -> float:
        for topic, data in self.model.tick():
            self.push(topic, data)
        return self.model.pause_s()


def export_wizard(of: Workspace | Run, *, readonly: bool = False, **traits: Any) -> ExportWizard:
    """Return a wizard that exports trained models and shows how well each export answers.

    Args:
        of: a training run; or a workspace, to choose one in the wizard.
        readonly: only look: nothing can be exported or cancelled, and nothing is written.
        traits: see ``ExportWizard``, e.g. ``chosen={"onnx": "fp16"}``, ``options={"imgsz": 320}``, ``lang="ko"``.

    Raises:
        ParameterError: when there is no such trait, precision or option.
        RequestError: when there is no such format.
    """
    if isinstance(of, Run):
        workspace, given = Workspace(of.paths.root.parent.parent), {"run": of.id, **traits}
    else:
        workspace, given = of, traits
    return ExportWizard(ExportingProof(workspace, readonly=readonly), **given)
