"""Which export to take: what was tried, what each costs and keeps, and which of them no other one beats.

What lives here: ``Candidate``, the Pareto front, limits, the table and the plot. What does not: making the exports
(``Workspace.export``), measuring them (``certificate``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench import storage
from workbench.errors import WorkbenchError
from workbench.exports.certificate import CERTIFICATE_NAME
from workbench.exports.export import Export

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRIED: Final = ("onnx", "onnx:fp16", "onnx:int8", "torchscript")
"""What is tried when nobody says what: all that needs no further packages."""
COLUMNS: Final = ("export", "size MB", "p50 ms", "memory MB", "accuracy", "drop", "verdict", "front", "within limits")


@dataclass(frozen=True)
class Limits:
    """What an export may cost, and what it has to keep; None for what does not matter.

    Attributes:
        size_mb: at most, of the model, in MB.
        latency_ms: at most, for half of the images, on this machine, in milliseconds.
        accuracy: at least, of the task's headline, 0-1.
    """

    size_mb: float | None = None
    latency_ms: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True)
class Candidate:
    """One export that was tried; None for what is not known.

    Attributes:
        words: its format and precision, e.g. ``onnx:int8``.
        export: the id of its run.
        size_mb: of the model, in MB.
        latency_ms: for half of the images, in milliseconds.
        memory_mb: that it needs beside the runtime, in MB.
        accuracy: the task's headline on the unseen images, 0-1.
        drop: how much less that is than the checkpoint's, in points of a hundred.
        passed: its certificate passed.
        why: what stands in its way; empty when nothing does.
    """

    words: str
    export: str = ""
    size_mb: float | None = None
    latency_ms: float | None = None
    memory_mb: float | None = None
    accuracy: float | None = None
    drop: float | None = None
    passed: bool = False
    why: str = ""

    @property
    def cost(self) -> tuple[float, float, float] | None:
        """Size, latency and lost accuracy, each better when less; None when one is not known."""
        if self.size_mb is None or self.latency_ms is None or self.accuracy is None:
            return None
        return self.size_mb, self.latency_ms, -self.accuracy

    def within(self, limits: Limits) -> bool:
        """Return whether it costs no more than it may; what is not known is not within a limit."""
        pairs = ((self.size_mb, limits.size_mb), (self.latency_ms, limits.latency_ms))
        cheap = all(most is None or (value is not None and value <= most) for value, most in pairs)
        return cheap and (limits.accuracy is None or (self.accuracy is not None and self.accuracy >= limits.accuracy))


@dataclass(frozen=True)
class Choice:
    """What was tried, and what is best of it.

    Attributes:
        candidates: in the order in which they were tried.
        limits: that were given.
    """

    candidates: tuple[Candidate, ...]
    limits: Limits

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The candidates whose certificates passed and that no other one beats in size, latency and accuracy."""
        return pareto([each for each in self.candidates if each.passed])

    @property
    def best(self) -> Candidate | None:
        """Of the front and within the limits, the most accurate one; of equal ones the quickest. None when none is."""
        fitting = [each for each in self.front if each.within(self.limits)]
        return min(fitting, key=lambda each: (-(each.accuracy or 0.0), each.latency_ms or 0.0), default=None)

    def rows(self) -> list[tuple[str, ...]]:
        """Return a row of texts for each candidate, under ``COLUMNS``."""
        front = self.front
        return [
            (
                f"{each.words}{' *' if each == self.best else ''}",
                *(_number(value) for value in (each.size_mb, each.latency_ms, each.memory_mb)),
                "" if each.accuracy is None else f"{100 * each.accuracy:.1f}",
                "" if each.drop is None else f"{each.drop:+.1f}",
                "pass" if each.passed else each.why or "fail",
                "yes" if each in front else "",
                "yes" if each.within(self.limits) else "no",
            )
            for each in self.candidates
        ]

    def payload(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        front = self.front
        told = [asdict(each) | {"front": each in front, "within": each.within(self.limits)} for each in self.candidates]
        best = self.best
        return {"candidates": told, "limits": asdict(self.limits), "best": best.export if best else None}

    def figure(self) -> Figure:
        """Draw latency against accuracy, the front joined by a line, the area of each dot its size."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.add_subplot()
        front = self.front
        for each in self.candidates:
            if each.cost is not None:
                size, latency, lost = each.cost
                marker, alpha = "o" if each.passed else "X", 1.0 if each in front else 0.45
                axes.scatter(latency, -100 * lost, s=20 + 12 * size, marker=marker, alpha=alpha)
                axes.annotate(each.words, (latency, -100 * lost), xytext=(8, 4), textcoords="offset points")
        line = sorted((each.cost[1], -100 * each.cost[2]) for each in front if each.cost)
        axes.plot([x for x, _ in line], [y for _, y in line], linestyle="--", linewidth=1, color="0.5", zorder=0)
        if self.limits.latency_ms is not None:
            axes.axvline(self.limits.latency_ms, color="0.5", linewidth=1)
        if self.limits.accuracy is not None:
            axes.axhline(100 * self.limits.accuracy, color="0.5", linewidth=1)
        axes.set(xlabel="latency p50, ms", ylabel="accuracy, %", title="Exports: area of a dot is the model's size")
        axes.margins(0.15)
        return figure


def pareto(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates that no other one beats: at least as good in all of their costs, and better in one.

    The definition is Pareto's, as Deb et al., NSGA-II (2002), call it non-dominated. What has an unknown cost is out.
    """
    known = [(each, each.cost) for each in candidates if each.cost is not None]
    return tuple(
        each
        for each, cost in known
        if not any(
            other != cost and all(a <= b for a, b in zip(other, cost, strict=True))
            for _, other in known
            if other is not None and cost is not None
        )
    )


def candidates(made: Iterable[tuple[str, Export | WorkbenchError]]) -> tuple[Candidate, ...]:
    """Return a candidate for each export that was made, or for the error that stood in its way."""
    return tuple(_candidate(words, each) for words, each in made)


def _candidate(words: str, made: Export | WorkbenchError) -> Candidate:
    if isinstance(made, WorkbenchError):
        return Candidate(words, why=made.happened)
    path = made.run.paths.export / CERTIFICATE_NAME
    if not path.is_file():
        return Candidate(words, made.id, why="it was not made")
    said = storage.get_json(path)
    accuracy, latency = said["accuracy"] or {}, said["latency"] or {}
    return Candidate(
        words,
        made.id,
        size_mb=said["size_bytes"] / 1e6,
        latency_ms=latency.get("p50_ms"),
        memory_mb=said["memory_mb"],
        accuracy=accuracy.get("export"),
        drop=accuracy.get("drop"),
        passed=said["passed"],
        why="; ".join(failure.partition(":")[0] for failure in said["failures"]),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
