"""A Jupyter-centric workbench for vision models.

    import workbench as wb

    ws = wb.open()
    run = ws.train(wb.TrainingConfig(data="data.yaml", epochs=10))
    run.wait()
    export = ws.export(run, "onnx").wait()

Names are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Export": "workbench.exports.export",
    "ExportRequest": "workbench.exports.request",
    "Run": "workbench.runs.run",
    "RunState": "workbench.runs.model",
    "Settings": "workbench.settings",
    "TrainingConfig": "workbench.config.schema",
    "Workspace": "workbench.workspace",
    "WorkbenchError": "workbench.errors",
    "board": "workbench.widgets.board",
    "browse": "workbench.widgets.grid",
    "export_wizard": "workbench.widgets.export_wizard",
    "log": "workbench.runs.here",
    "open": "workbench.workspace",
    "studio": "workbench.widgets.studio.page",
    "watch": "workbench.widgets.chart",
}
__all__ = [
    "Export",
    "ExportRequest",
    "Run",
    "RunState",
    "Settings",
    "TrainingConfig",
    "WorkbenchError",
    "Workspace",
    "__version__",
    "board",
    "browse",
    "export_wizard",
    "log",
    "open",
    "studio",
    "watch",
]

if TYPE_CHECKING:
    from workbench.config.schema import TrainingConfig
    from workbench.errors import WorkbenchError
    from workbench.exports.export import Export
    from workbench.exports.request import ExportRequest
    from workbench.runs.here import log
    from workbench.runs.model import RunState
    from workbench.runs.run import Run
    from workbench.settings import Settings
    from workbench.widgets.board import board
    from workbench.widgets.chart import watch
    from workbench.widgets.export_wizard import export_wizard
    from workbench.widgets.grid import browse
    from workbench.widgets.studio.page import studio
    from workbench.workspace import Workspace, open


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
