"""A damaged picture is told as one, also where ultralytics has replaced Pillow's ``open``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from workbench.errors import ParameterError, StorageError
from workbench.metrics.media.pictures import to_bytes
from workbench.pillow import opener
from workbench.runs.training import evidence
from workbench.widgets.state.board_media import shrunk

pytestmark = pytest.mark.slow  # processes and environments of their own


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after training in this process, on a machine without the package that ultralytics would install."""
    from ultralytics.utils import patches

    monkeypatch.setattr(Image, "open", patches.image_open)
    monkeypatch.setitem(sys.modules, "pi_heif", None)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    path = tmp_path / "cut.png"
    Image.new("RGB", (64, 64), "red").save(path)
    path.write_bytes(path.read_bytes()[:40])
    return path


@pytest.mark.usefixtures("replaced")
def test_what_ultralytics_put_in_place_is_passed_by(cut: Path) -> None:
    with pytest.raises(ImportError):
        Image.open(cut)
    with pytest.raises(OSError, match="cannot identify"):
        opener()(cut)


@pytest.mark.usefixtures("replaced")
def test_every_room_tells_of_a_cut_picture_in_its_own_words(cut: Path) -> None:
    with pytest.raises(ParameterError, match="holds no picture"):
        to_bytes(cut)
    with pytest.raises(StorageError, match="cannot be shown"):
        shrunk(cut, 32)
    assert not evidence._is_whole(cut)
