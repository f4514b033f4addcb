"""ClearML as a tracker.

What lives here: one run of the workbench as one ClearML task, on a server or, with ``CLEARML_OFFLINE_MODE=1``, in
files; and where the server and its key are found. What does not: the words of ClearML (``records``), how a
server and files take them (``server``, ``offline``), when to send and what to do after an error
(``delivery``).

The key, the secret and the hosts come from the variables ``CLEARML_*``, or from the ``clearml.conf`` that
``clearml-init`` writes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from workbench import settings, storage
from workbench.errors import TrackerError
from workbench.tracking.base import Ended, File, Item, Measured, Model, Started, Text
from workbench.tracking.clearml import records
from workbench.tracking.clearml.offline import Session
from workbench.tracking.clearml.records import Fields
from workbench.tracking.clearml.server import Address, Server

Place: TypeAlias = Server | Session
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class ClearmlTracker:
    """One run as a ClearML task.

    Args:
        folder: private to the run and this backend; holds the session when there is no server.

    Raises:
        TrackerError: when no key is configured.
    """

    def __init__(self, folder: Path) -> None:
        said = settings.variables("CLEARML_")
        offline = said.get("CLEARML_OFFLINE_MODE", "0").lower() not in _NO
        self._place: Place = Session(folder, said.get("CLEARML_FILES_HOST", "")) if offline else Server(_address(said))
        self._started: Started | None = None
        self._refused: set[tuple[str, str]] = set()

    def open(self, started: Started, remote: str | None) -> str:
        """Begin the task, or go on with it; one that has ended runs again.

        Raises:
            TrackerError: when the server does not answer or refuses.
        """
        project, tag = started.project or "workbench", records.run_tag(started.run)
        task = self._place.begin(records.task(started), project, tag, remote)
        self._started = started
        return task

    def send(self, items: Sequence[Item]) -> None:
        """Deliver; the same item again changes nothing.

        Raises:
            TrackerError: when the server does not answer or refuses.
        """
        started = self._opened()
        measured = [item for item in items if isinstance(item, Measured)]
        self._place.report([event for item in measured for event in records.scalars(item)])
        lines = [records.line(item) for item in items if isinstance(item, Text)]
        self._place.note([*lines, *self._told(measured)])
        for item in items:
            if isinstance(item, File):
                self._deliver(item)
            elif isinstance(item, Model) and _digest(item.path, item.sha256):
                _, uri = self._place.upload(item.path, records.location("models", item.path.name))
                self._place.register(records.model(item, started, uri), item.alias)

    def close(self, ended: Ended | None) -> None:
        """Leave the task in its terminal state; one that goes on stays ``in_progress``.

        Raises:
            TrackerError: when the server does not answer or refuses.
        """
        try:
            if ended is not None:
                self._opened()
                self._place.report(records.summary(ended))
                self._place.end(ended.state, ended.reason)
        finally:
            self._place.close()

    @property
    def url(self) -> str | None:
        """The task's page; None without a server."""
        return self._place.url

    def _opened(self) -> Started:
        if self._started is None:
            raise TrackerError("The ClearML task is not open.", "A call of open() first.", retry=False)
        return self._started

    def _deliver(self, file: File) -> None:
        digest = _digest(file.path, file.sha256)
        if not digest:
            return
        step = [] if file.step is None else [str(file.step)]
        path, uri = self._place.upload(file.path, records.location("artifacts", file.kind, *step, file.name))
        if file.path.suffix.lower() in records.IMAGES:
            self._place.report([records.image(file, path, uri)])
        else:
            self._place.attach(records.artifact(file, uri, storage.bytes_total(file.path), digest))

    def _told(self, measured: Iterable[Measured]) -> Iterator[Fields]:
        """Give one line for the first number of each series that ClearML does not keep."""
        for item in measured:
            for name, value in item.values.items():
                if not records.kept(value) and (item.scope, name) not in self._refused:
                    self._refused.add((item.scope, name))
                    yield records.refused(item, name)


def _digest(path: Path, meant: str) -> str:
    """Return the sha256 of a file; empty when it is gone, or a newer one, which is told of by itself."""
    try:
        found = storage.sha256(path)
    except OSError:
        return ""
    return found if meant in ("", found) else ""


def _address(said: Mapping[str, str]) -> Address:
    """Return where the server is, from the variables ``said`` and ``clearml.conf``."""
    from clearml.backend_api import Session as Api
    from clearml.backend_config import ConfigurationError
    from clearml.config import config_obj

    try:
        key = said.get("CLEARML_API_ACCESS_KEY") or config_obj.get("api.credentials.access_key", "")
        secret = said.get("CLEARML_API_SECRET_KEY") or config_obj.get("api.credentials.secret_key", "")
        verify = said.get("CLEARML_API_HOST_VERIFY_CERT") or config_obj.get("api.verify_certificate", True)
        web, files, api = _host(Api.get_app_server_host), _host(Api.get_files_server_host), Api.get_api_server_host()
    except ConfigurationError as error:
        raise _unusable(
            f"clearml.conf cannot be read: {error}.", "The file that `clearml-init` writes.", "Correct or remove it"
        ) from error
    if not key or not secret:
        raise _unusable(
            f"CLEARML_API_{'SECRET' if key else 'ACCESS'}_KEY is not set, and there is no clearml.conf with it.",
            "An access key and a secret key of a ClearML server.",
            "Make them in its web page under Settings, Workspace, and set CLEARML_API_ACCESS_KEY, "
            "CLEARML_API_SECRET_KEY and CLEARML_API_HOST; or set CLEARML_OFFLINE_MODE=1 to write files",
        )
    if not files:
        raise _unusable(
            f"CLEARML_FILES_HOST is not set, and cannot be told from '{api}'.",
            "The address of ClearML's file server, or of any storage that ClearML takes.",
            "Set it, e.g. to http://<host>:8081",
        )
    return Address(api, files, web, key, secret, _trust(str(verify)), _store)


def _unusable(happened: str, expected: str, todo: str) -> TrackerError:
    return TrackerError(happened, expected, f"{todo}; then `workbench trackers sync`.", backend="clearml", retry=False)


def _host(find: Callable[[], str]) -> str:
    try:
        return find().rstrip("/")
    except ValueError:  # it can be told only where the hosts are named as ClearML's own are
        return ""


def _trust(verify: str) -> bool | ssl.SSLContext:
    """Return which certificates are taken: all known, any, or those that a file names."""
    if verify.lower() in _YES | _NO:
        return verify.lower() in _YES
    return ssl.create_default_context(cafile=verify)


def _store(file: Path, url: str) -> None:
    """Upload to a storage that is no file server, e.g. ``s3://bucket``, as ``clearml.conf`` says."""
    from clearml import StorageManager

    try:
        StorageManager.upload_file(str(file), url, wait_for_upload=True, retries=1)
    except Exception as error:  # each kind of storage raises its own
        raise TrackerError(
            f"'{file.name}' could not be stored at '{url}': {error}.",
            "A storage at CLEARML_FILES_HOST that takes files.",
            "See its credentials in clearml.conf. What is missing is sent later, or by `workbench trackers sync`.",
            backend="clearml",
            retry=True,
        ) from error
