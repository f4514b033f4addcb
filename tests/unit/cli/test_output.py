"""How answers reach a terminal."""

from __future__ import annotations

import json

import pytest

from workbench.cli import output
from workbench.errors import RequestError


@pytest.mark.parametrize(
    ("bytes_total", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_600_000, "9.6 MB"), (2e9, "2.0 GB"), (3e15, "3000.0 TB")],
)
def test_sizes_are_read_at_a_glance(bytes_total: float, shown: str) -> None:
    assert output.size(bytes_total) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, ""), (0.4, "0 s"), (59.6, "1 min 00 s"), (245, "4 min 05 s"), (7500, "2 h 05 min")]
)
def test_durations_are_read_at_a_glance(seconds: float | None, shown: str) -> None:
    assert output.duration(seconds) == shown


def test_facts_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    output.facts({"run": "x", "why": None, "tags": (), "files": ["a", "b"], "value": 0.123456})
    assert capsys.readouterr().out == "run    x\nfiles  a, b\nvalue  0.1235\n"


def test_json_keeps_korean_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output.show({"name": "숫자"}, True, lambda: None)
    text = capsys.readouterr().out
    assert "숫자" in text
    assert json.loads(text) == {"name": "숫자"}


def test_a_table_shows_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name",), [("[red]x[/red]",)], "none")
    assert "[red]x[/red]" in capsys.readouterr().out


def test_names_give_no_orders_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b]0;pwn\x07\x1b[2J\u202egpj.고양이"
    output.say(name)
    output.facts({"class": name})
    output.table(["class"], [[name]], "")
    output.error(RequestError(name), as_json=False)
    out, err = capsys.readouterr()
    for text in (out, err):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "고양이" in text
