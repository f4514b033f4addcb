"""The certificate of an export as a wizard shows it, and the files that go with it.

What lives here: the verdict with its rows and figures, its pictures, its page, and the bundle to download. What does
not: how it came about (``exports.certificate``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from workbench.errors import StorageError, UnknownNameError, storage_error
from workbench.exports.checks_answers import ANSWERS, SAMPLE
from workbench.exports.export import Export
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.widgets.state.board_media import shrunk
from workbench.widgets.state.exporting import ExportingState, OfExport
from workbench.widgets.state.exporting_rows import read_certificate, row, verdict
from workbench.widgets.state.messages import Reply, answers

PAGE_NAME: Final = "certificate.html"
MOST_BYTES: Final = 300_000_000  # of a file that goes through the kernel to a browser


class OfPicture(OfExport):
    """A question for a picture of a certificate, at most ``side`` pixels wide and high."""

    path: str = Field(max_length=1000)
    side: int = Field(640, ge=32, le=4096)


class ExportingProof(ExportingState):
    """A wizard that knows the certificates of its exports."""

    @answers("certificate")
    def certificate(self, request: OfExport) -> Reply:
        """Answer with an export and its certificate; ``proof`` is null when it has none.

        Raises:
            StorageError: when the certificate is damaged.
            UnknownNameError: when there is no such export.
        """
        run = self.export_of(request.export)
        paths = self.workspace.paths.run(run.id)
        found = read_certificate(paths)
        data = {
            **row(run, paths),
            "proof": found and _proof(found),
            "page": (paths.export / PAGE_NAME).is_file(),
            "bundle": run.state == RunState.COMPLETED.value,
            "folder": paths.export,
            "files": _files(paths.export),
        }
        done = run.state == RunState.COMPLETED.value
        line = f'ws.find_export("{run.id}").certificate' if done else f'ws.run("{run.id}").standing'
        return Reply(data, python=line)

    @answers("page")
    def page(self, request: OfExport) -> Reply:
        """Answer with the certificate as a page: its bytes are the buffer.

        Raises:
            StorageError: when it is not there, or cannot be read.
        """
        run = self.export_of(request.export)
        path = self.workspace.paths.run(run.id).export / PAGE_NAME
        return Reply({"name": f"{run.id}.html"}, (_read(path),), python=f'ws.find_export("{run.id}").folder')

    @answers("picture")
    def picture(self, request: OfPicture) -> Reply:
        """Answer with a picture of a certificate as JPEG, in the buffer.

        Raises:
            UnknownNameError: when the certificate names no such picture.
            StorageError: when it cannot be read.
        """
        folder = self.workspace.paths.run(self.export_of(request.export).id).export
        known = {each["path"] for each in _pictures(read_certificate(self._paths(request)) or {})}
        path = folder / request.path
        if request.path not in known or not path.resolve().is_relative_to(folder.resolve()):
            raise UnknownNameError(f"The certificate has no picture '{request.path}'.", "One that it names.", "")
        return Reply(buffers=(shrunk(path, request.side)[0],))

    @answers("bundle")
    def bundle(self, request: OfExport) -> Reply:
        """Answer with an export and all that travels with it in one archive: its bytes are the buffer.

        Raises:
            RunError: when the export is not complete.
            StorageError: when it is too large to go through a browser.
        """
        run = self.export_of(request.export)
        export = Export(Run(self.workspace.ledger, self.workspace.dispatcher, run.id))
        name = f"{run.id}.zip"
        with tempfile.TemporaryDirectory(prefix="workbench-bundle-") as scratch:
            data = _read(export.bundle(Path(scratch) / name))
        return Reply({"name": name}, (data,), python=f'ws.find_export("{run.id}").bundle(Path("{name}"))')

    def _paths(self, request: OfExport) -> Any:
        return self.workspace.paths.run(self.export_of(request.export).id)


def _proof(certificate: Mapping[str, Any]) -> dict[str, Any]:
    accepted = set(certificate.get("accepted") or ())
    checks = [
        {**{name: str(each.get(name, "")) for name in ("name", "verdict", "found", "wanted")}}
        | {"accepted": each.get("name") in accepted, "about": _about(str(each.get("name")))}
        for each in certificate.get("checks") or ()
    ]
    return {
        "verdict": verdict(certificate),
        "checks": checks,
        "images": certificate.get("images"),
        "accuracy": certificate.get("accuracy"),
        "latency": certificate.get("latency"),
        "memory_mb": certificate.get("memory_mb"),
        "size_bytes": certificate.get("size_bytes"),
        "versions": certificate.get("versions") or {},
        "pictures": _pictures(certificate),
    }


def _about(name: str) -> str:
    return "answers" if name in ANSWERS else "images" if name in SAMPLE else "file"


def _pictures(certificate: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the pictures that a certificate names, whether by path alone or with words."""
    found = []
    for each in certificate.get("pictures") or ():
        told = {"path": each} if isinstance(each, str) else dict(each)
        path = str(told.get("path") or told.get("file") or "")
        if path:
            found.append({"path": path, "caption": str(told.get("caption") or told.get("name") or path)})
    return found


def _files(folder: Path) -> list[dict[str, Any]]:
    try:
        there = sorted(each for each in folder.rglob("*") if each.is_file())
        return [{"name": each.relative_to(folder).as_posix(), "bytes": each.stat().st_size} for each in there]
    except OSError:
        return []


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise StorageError(
                f"'{path.name}' has {size / 1e6:.0f} MB.",
                f"At most {MOST_BYTES / 1e6:.0f} MB: it goes through the kernel to your browser.",
                "Copy the folder instead; its path stands below the certificate.",
            )
        return path.read_bytes()
    except OSError as error:
        raise storage_error(error, path) from error
