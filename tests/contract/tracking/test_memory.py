"""The tracker in memory keeps the contract: it shows that the contract can be kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.tracking.suite import Backend, Remote, RemoteModel, TrackerContract, sha256
from workbench.tracking.memory import MemoryTracker


def readback(remote: str, _folder: Path) -> Remote:
    kept = MemoryTracker.runs[remote]
    told = {"dataset": kept.started.dataset, "code": kept.started.code}
    series: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for (scope, name, step), (value, at) in kept.points.items():
        series.setdefault((scope, name), []).append((step, value, at))
    return Remote(
        state=kept.state or "running",
        config={
            **{name: str(value) for name, value in kept.started.config.items()},
            **{f"{group}.{name}": str(value) for group, facts in told.items() for name, value in facts.items()},
        },
        series=series,
        files={(kind, name): sha256(data) for (kind, name, _), data in kept.files.items()},
        models=[RemoteModel(model.name, model.alias, model.sha256) for model in kept.models.values()],
        texts={name: [(step, text)] for (name, step), text in kept.texts.items()},
    )


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    yield Backend(MemoryTracker, readback, tmp_path / "trackers" / "memory")
    MemoryTracker.runs.clear()


class TestMemory(TrackerContract):
    pass
