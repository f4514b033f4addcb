"""kill -9 while jobs fetch into one store: nobody ever reads a torn object, and a last job finishes the work."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.bench.datasets_store import PLAIN, Stage, fill, killed
from tests.bench.slow_link import slow_link
from tests.contract.datasets.seaweed import serve

FILES, BYTES = 1500, 3500


@pytest.mark.slow
def test_random_kills_leave_nothing_torn_and_the_rest_is_fetched(tmp_path: Path) -> None:
    with serve(tmp_path / "weed") as server, slow_link(server.port, tmp_path) as link:
        files = fill(server, FILES, BYTES, tmp_path)
        found = killed(Stage(server, link, tmp_path, files), PLAIN, kills=2, seed=random.randrange(10**6))
    assert found["torn reads"] == 0
    assert found["scratch folders left"] == 0
    had = found["objects after each"]
    assert 0 < had[-1] < FILES, f"the kills did not hit jobs at work: {found}"
    assert found["moved by the last"] == (FILES - had[-1]) * BYTES
