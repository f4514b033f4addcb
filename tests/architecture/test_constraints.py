"""The pinned versions suit every release of their Python: distributions keep the release that they began with."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]


def pins(path):
    """Return the names that a file pins, and their versions."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("==") for line in lines if line)


def wanted_python(name):
    """Return which Python an installed package takes; anything of one that is not installed."""
    try:
        return metadata(name).get("Requires-Python") or ""
    except PackageNotFoundError:
        return ""


def test_every_pin_takes_the_first_release_of_this_python():
    major, minor = sys.version_info[:2]
    pinned = pins(ROOT / "constraints" / f"py{major}{minor}.txt")
    assert len(pinned) > 100
    refusing = {
        name: wanted_python(name)
        for name in pinned
        if not SpecifierSet(wanted_python(name)).contains(f"{major}.{minor}.0")
    }
    assert refusing == {}
