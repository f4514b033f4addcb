"""What makes the same export the same bytes, without a trace of the machine that made it.

What lives here: rewriting the files of formats that can be repeated. What does not: what the metadata say
(``exporter``).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

_WRITTEN_ANEW: Final = frozenset({"version", "byteorder", ".data/serialization_id"})


def rewrite(weights: Path, format: str) -> None:  # noqa: A002
    """Write a model that ultralytics made as the same bytes each time; formats that are not known stay as they are.

    Args:
        weights: the file or folder, still where it was made.
        format: its name.
    """
    if weights.is_dir():
        _forget_folder(weights)
    if writer := _WRITERS.get(format):
        writer(weights)


def _forget_folder(weights: Path) -> None:
    """NCNN and PaddlePaddle write a script beside the model that loads it from where it was made."""
    here = f"{weights}/"
    for script in weights.rglob("*.py"):
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace(here, ""), encoding="utf-8")


def _onnx(weights: Path) -> None:
    import onnx

    model = onnx.load(weights)
    properties = {item.key: item.value for item in model.metadata_props}
    del model.metadata_props[:]
    for key in sorted(properties):
        model.metadata_props.add(key=key, value=properties[key])
    weights.write_bytes(model.SerializeToString(deterministic=True))


def _torchscript(weights: Path) -> None:
    """Leave out where in which Python file each operation came from: that names folders of this machine."""
    import torch

    with zipfile.ZipFile(weights) as archive:
        records = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    writer = torch._C.PyTorchFileWriter(str(weights))  # noqa: SLF001  the archive that torch reads, aligned as it likes
    for name, data in records.items():
        if name not in _WRITTEN_ANEW and not name.endswith(".debug_pkl"):
            writer.write_record(name, data, len(data))
    writer.write_end_of_file()


_WRITERS: Final[Mapping[str, Callable[[Path], None]]] = MappingProxyType({"onnx": _onnx, "torchscript": _torchscript})
