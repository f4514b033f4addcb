from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

SIDE = 64


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An untrained detector with scores that tell classes and places apart, so that NMS has something to do."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    model = YOLO("yolo11n.yaml", verbose=False)
    for module in model.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.6)
            torch.nn.init.uniform_(module.bias, -0.4, 0.4)
    for branch in model.model.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].weight, std=0.6)
        torch.nn.init.constant_(branch[-1].bias, -1.0)
    for branch in model.model.model[-1].cv2:
        torch.nn.init.normal_(branch[-1].weight, std=0.6)
    # As a training leaves it: with the path of the data on the machine that trained
    model.model.args = {"data": "/home/someone/secret/data.yaml", "imgsz": SIDE, "task": "detect"}
    path = tmp_path_factory.mktemp("checkpoint") / "best.pt"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    import cv2

    folder, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    paths = []
    for number in range(16):
        height, width = (int(side) for side in random.integers(40, 150, 2))
        small = random.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        paths.append(folder / f"{number:02}.png")
        cv2.imwrite(str(paths[-1]), cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))
    return paths
