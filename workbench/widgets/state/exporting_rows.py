"""Exports as a wizard lists them: where each stands, what it said last, and its verdict once there is one.

What lives here: reading one export's folder for a row. What does not: the whole certificate (``exporting_proof``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from workbench import storage
from workbench.errors import StorageError
from workbench.exports.certificate import CERTIFICATE_NAME
from workbench.exports.checks_answers import ANSWERS, SAMPLE
from workbench.metrics.tail import Event, read_events
from workbench.paths import RunPaths
from workbench.runs.heartbeat import read_beat
from workbench.runs.ledger import WRITER
from workbench.widgets.state.board_depth import Depth, Spec, read_depth, read_spec
from workbench.widgets.state.board_roster import Listed
from workbench.widgets.state.exporting_wanted import words

Verdict = Literal["yes", "no", "accepted", "unverified", "unproven"]
LOG_LINES: Final = 300


def row(run: Listed, paths: RunPaths) -> dict[str, Any]:
    """Return an export as a row of a wizard."""
    try:
        spec, damage = read_spec(paths), ""
    except StorageError as error:
        spec, damage = Spec(), error.happened
    depth = read_depth(run, paths, spec, None)
    state = depth.standing.state
    return {
        "id": run.id,
        "run": run.source or "",
        "name": run.name,
        "format": spec.settings.get("format", ""),
        "precision": spec.settings.get("precision", "fp32"),
        "words": words(spec.settings),
        "created": run.created_at,
        "state": run.state if damage or depth.damage else state,
        "going": not state.ended,
        "reason": depth.standing.reason,
        "damage": damage or depth.damage,
        "started": depth.started,
        "duration_s": depth.duration_s,
        **(_going(paths, depth) if not state.ended else _ended(paths)),
    }


def read_certificate(paths: RunPaths) -> dict[str, Any] | None:
    """Return the certificate of an export, also of one that failed because of it; None when there is none.

    Raises:
        StorageError: when it is damaged.
    """
    path = paths.export / CERTIFICATE_NAME
    return storage.get_json(path) if path.is_file() else None


def verdict(certificate: Mapping[str, Any]) -> Verdict:
    """Return whether an export answers like its checkpoint.

    ``accepted``: it does not, and whoever asked for it said that it need not. ``unverified``: it cannot be asked on the
    machine that made it. ``unproven``: nothing is wrong with it, but the images showed too little.
    """
    checks = list(certificate.get("checks") or ())
    failed = {each["name"] for each in checks if each["verdict"] == "fail"}
    counted = failed - set(certificate.get("accepted") or ())
    if counted - set(SAMPLE):
        return "no"
    if counted:
        return "unproven"
    if failed - set(SAMPLE):
        return "accepted"
    answered = any(each["verdict"] == "pass" for each in checks if each["name"] in ANSWERS)
    return "yes" if answered else "unverified"


def said(paths: RunPaths) -> list[dict[str, Any]]:
    """Return what an export's job said so far, in the order of time: ``{"at", "text", "level"}``."""
    return [_told(event) for event in _spoken(paths)][-LOG_LINES:]


def _going(paths: RunPaths, depth: Depth) -> dict[str, Any]:
    attempt = depth.standing.attempt
    beat = read_beat(paths.attempt(attempt).heartbeat) if attempt else None
    spoken = _spoken(paths)
    making = beat is not None and beat.phase == "environment"
    return {
        "phase": beat.phase if beat is not None else "",
        "share": beat.epoch / 100 if beat is not None and making else None,
        "said": str(spoken[-1].get("message", "")) if spoken else "",
        "verdict": None,
    }


def _ended(paths: RunPaths) -> dict[str, Any]:
    found: dict[str, Any] = {"phase": "", "share": None, "said": ""}
    try:
        certificate = read_certificate(paths)
    except StorageError:
        return found | {"verdict": None}
    if certificate is None:
        return found | {"verdict": None}
    latency = certificate.get("latency") or {}
    return found | {
        "verdict": verdict(certificate),
        "p50_ms": latency.get("p50_ms"),
        "bytes": certificate.get("size_bytes"),
    }


def _spoken(paths: RunPaths) -> list[Event]:
    return [event for event in read_events(paths.events) if event["kind"] == "log" and event.get("writer") != WRITER]


def _told(event: Event) -> dict[str, Any]:
    return {"at": event.get("at"), "text": str(event.get("message", "")), "level": str(event.get("level", "info"))}
