"""What a lab record shows of a run: a table of what it is, a picture of how it went.

What lives here: HTML tables and matplotlib figures for job and studio notebooks. What does not: live charts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from workbench import fonts
from workbench.metrics.rows import current
from workbench.metrics.tail import Event, values
from workbench.runs.model import RunSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT_IN = 3.2


class Table:
    """Rows that a notebook shows as an HTML table, and a terminal as text.

    Args:
        columns: the heads.
        rows: the cells; they are escaped.
        empty: what to say when there are no rows.
    """

    def __init__(self, columns: Iterable[str], rows: Iterable[Iterable[object]], empty: str = "Nothing yet.") -> None:
        self.columns = list(columns)
        self.rows = [["" if cell is None else str(cell) for cell in row] for row in rows]
        self.empty = empty

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        widths = [max(len(row[at]) for row in [self.columns, *self.rows]) for at in range(len(self.columns))]
        lines = (
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in self._lines()
        )
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{escape(self.empty)}</p>"
        head = "".join(f'<th scope="col" style="text-align:left">{escape(cell)}</th>' for cell in self.columns)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _lines(self) -> list[list[str]]:
        return [self.columns, *self.rows]


def overview(spec: RunSpec) -> Table:
    """Return what a run is: where it is filed, what it starts from, what it reads, where it runs."""
    hardware: Mapping[str, Any] = spec.lock.get("hardware", {})
    dataset, model = spec.dataset, spec.model
    rows: list[tuple[str, object]] = [
        ("run", spec.id),
        ("project", f"{spec.project} / {spec.session}"),
        ("model", f"{model.ref} ({model.kind}, {model.task})" if model else None),
        ("dataset", f"{dataset.name}: {_counts(dataset.images)}" if dataset else None),
        ("digest", dataset.digest if dataset else None),
        ("code", spec.lock.get("code", {}).get("commit") or spec.lock.get("code", {}).get("version")),
        ("machine", f"{hardware.get('processor')}, {hardware.get('cores')} cores" if hardware else None),
    ]
    return Table(("", "this run"), [row for row in rows if row[1] is not None])


def numbers(metrics: Mapping[str, object]) -> Table:
    """Return metrics as a table."""
    return Table(
        ("metric", "value"),
        [(name, f"{value:.5g}" if isinstance(value, float) else value) for name, value in metrics.items()],
    )


class Picture:
    """A figure that any notebook shows, also one where no matplotlib backend is set up."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.figure.savefig(stream, format="png", dpi=100)
        return stream.getvalue()


def curves(events: Iterable[Event], title: str = "") -> Picture:
    """Return losses and metrics over epochs, side by side.

    Args:
        events: of one run.
        title: shown above.
    """
    from matplotlib.figure import Figure

    epochs = [event for event in current(events) if event["kind"] == "metrics" and event.get("scope") == "epoch"]
    figure = Figure(figsize=(10, _HEIGHT_IN), layout="constrained")
    if title:
        figure.suptitle(title)
    for axes, label, prefixes in zip(
        figure.subplots(1, 2), ("loss", "metric"), (("train/", "val/"), ("metrics/",)), strict=True
    ):
        for name in dict.fromkeys(name for event in epochs for name in event["values"] if name.startswith(prefixes)):
            points = [(event["step"], values(event)[name]) for event in epochs if name in event["values"]]
            dashed = "--" if name.startswith("val/") else "-"
            axes.plot(*zip(*points, strict=True), dashed, marker="." if len(points) < 40 else None, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
        else:
            axes.text(0.5, 0.5, "no epoch has finished yet", ha="center", va="center", transform=axes.transAxes)
    fonts.mend(figure, formulas=False)
    return Picture(figure)


def _counts(images: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {split}" for split, count in images.items())
