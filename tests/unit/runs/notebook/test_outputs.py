"""Of what a notebook prints, the beginning and the end are kept, within limits."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from nbformat import NotebookNode

from workbench.errors import StorageError
from workbench.runs.notebook import outputs
from workbench.runs.notebook.outputs import KeptOutputs, Log, overwrite, shorten, size_of


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every limit small."""
    limits = {"TEXT_CHARS": 1000, "RICH_CHARS": 10_000, "LOG_END_BYTES": 200, "_BLOCK_CHARS": 100, "_PIECE_CHARS": 50}
    for name, value in limits.items():
        monkeypatch.setattr(outputs, name, value)


def printed(*pieces: str) -> list[NotebookNode]:
    found: list[NotebookNode] = []
    kept = KeptOutputs(found)
    for piece in pieces:
        kept.text("stdout", piece)
    kept.refresh()
    return found


def texts(found: list[NotebookNode]) -> str:
    return "".join(output["text"] for output in found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext", "plain\ntext"),
        ("1%\r2%\r3%", "3%"),
        ("1%\r2%\ndone\n", "2%\ndone\n"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
        ("\r1%\r", "1%\r"),
        ("1%\r\r\n", "1%\r\n"),
        ("\r\r\r", "\r"),
    ],
)
def test_a_line_that_is_written_over_is_shown_as_it_ends(text: str, shown: str) -> None:
    assert overwrite(text) == shown


def test_writing_over_a_very_long_line_takes_no_longer_than_reading_it() -> None:
    assert len(overwrite("\r" + "x" * 5_000_000)) == 5_000_000
    assert overwrite("\rx" * 2_000_000) == "x"


def test_text_that_fits_is_kept_as_it_is(small: None) -> None:
    pieces = [f"line {number}\n" for number in range(90)]
    assert texts(printed(*pieces)) == "".join(pieces)
    assert len(printed(*pieces)) < 12, "pieces are joined"


def test_both_streams_keep_their_order(small: None) -> None:
    found: list[NotebookNode] = []
    kept = KeptOutputs(found)
    for name, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")):
        kept.text(name, text)
    assert [(output["name"], output["text"]) for output in found] == [
        ("stdout", "ab"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_of_text_that_is_too_long_the_beginning_and_the_end_are_kept(small: None, seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(f"{number} {'x' * chance.randrange(40)}\n" for number in range(2000))
    cuts = sorted(chance.sample(range(len(text)), 300))
    found = printed(*(text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)))
    shown = texts(found)
    head, _, rest = shown.partition("\n... ")
    said, _, tail = rest.partition(" ...\n")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) == 1000
    assert len(tail) == 1000
    assert said == f"{(len(text) - len(head) - len(tail)) / 1e6:.2f} MB more are in log.txt"


def test_one_huge_piece_is_cut_in_the_middle(small: None) -> None:
    found = printed("a" * 1000 + "b" * 100_000 + "c" * 1000, "end")
    assert texts(found).startswith("a" * 1000 + "\n... 0.10 MB more")
    assert texts(found).endswith("c" * 997 + "end")
    assert len(texts(found)) < 2100


def test_a_progress_bar_costs_no_more_than_its_last_state(small: None) -> None:
    found = printed("begin\n", *(f"\r{number:5d} " + "#" * 40 for number in range(5000)), "\nend\n")
    assert texts(found) == f"begin\n 4999 {'#' * 40}\nend\n"


def test_a_progress_bar_after_too_much_text_too(small: None) -> None:
    found = printed("x" * 5000 + "\n", *(f"\r{number:5d} " + "#" * 40 for number in range(5000)), "\nend\n")
    assert texts(found).count("#" * 40) == 1
    assert texts(found).endswith("\nend\n")


def test_rich_outputs_are_admitted_until_they_are_too_much_and_then_said(small: None) -> None:
    found: list[NotebookNode] = []
    kept = KeptOutputs(found)
    assert [kept.admit(2000) for _ in range(5)] == [True, True, True, False, False]
    assert kept.admit(0), "what is small still fits"
    assert len(found) == 1
    assert found[0]["text"].startswith("... 2 outputs (0.0 MB) were left out")


def test_a_cell_that_clears_its_output_has_all_its_room_again(small: None) -> None:
    found: list[NotebookNode] = []
    kept = KeptOutputs(found)
    kept.text("stdout", "x" * 5000)
    assert not kept.admit(100_000)
    kept.clear()
    assert found == []
    kept.text("stdout", "new")
    assert kept.admit(8000)
    kept.refresh()
    assert texts(found) == "new"


def test_sizes_are_counted_through_lists_and_dicts() -> None:
    assert size_of({"text/plain": ["a" * 10, "b" * 10], "n": 1}) == 10 + 20 + 1 + 8


def test_long_text_is_shortened_in_the_middle() -> None:
    assert shorten("short", 10) == "short"
    assert shorten("a" * 50 + "b" * 50, 20) == "a" * 10 + "\n... 0.00 MB were left out ...\n" + "b" * 10


def test_a_log_holds_what_was_written_as_it_comes(tmp_path: Path) -> None:
    with Log(tmp_path / "log.txt") as log:
        log.write("half a line")
        assert (tmp_path / "log.txt").read_text() == "half a line"
        log.write(" and the rest\n")
        log.note("something of ours")
        log.write("한국어 \udc80\n")
    text = (tmp_path / "log.txt").read_text()
    assert text == "half a line and the rest\n[workbench] something of ours\n한국어 \\udc80\n"


def test_a_full_log_says_so_once_and_ends_with_the_last_words(tmp_path: Path, small: None) -> None:
    with Log(tmp_path / "log.txt", limit=1000) as log:
        for number in range(1000):
            log.write(f"line {number}\n")
        log.write("the last words\n")
    text = (tmp_path / "log.txt").read_text()
    assert text.startswith("line 0\nline 1\n")
    assert text.count("The log is full") == 1
    assert text.count("were left out") == 1
    assert text.endswith("line 999\nthe last words\n")
    assert len(text) < 1500


def test_an_attempt_that_goes_on_with_a_log_counts_what_is_there(tmp_path: Path, small: None) -> None:
    (tmp_path / "log.txt").write_text("x" * 900)
    with Log(tmp_path / "log.txt", limit=1000) as log:
        log.write("y" * 200)
    assert (tmp_path / "log.txt").read_text().startswith("x" * 900 + "y" * 100 + "\n[workbench] The log is full")


def test_a_progress_bar_takes_one_line_of_the_log(tmp_path: Path) -> None:
    with Log(tmp_path / "log.txt") as log:
        log.write("begin\n")
        for number in range(1000):
            log.write(f"\r{number:4d} ####")
        log.write("\nend\n")
        log.write("\r50%\r60%")
    assert (tmp_path / "log.txt").read_text() == "begin\n 999 ####\nend\n60%\n"


def test_a_progress_bar_that_takes_long_is_seen_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs.time, "monotonic", iter([0.0, 5.0, 11.0, 12.0, 23.0]).__next__)
    with Log(tmp_path / "log.txt") as log:
        for number in range(5):
            log.write(f"\r{number}%")
    assert (tmp_path / "log.txt").read_text() == "2%\n4%\n"


class _FullDisk:
    """A file on a disk that has no room."""

    def write(self, _data: object) -> int:
        raise OSError(28, "No space left on device")

    def close(self) -> None: ...


def test_a_log_on_a_full_disk_ends_no_run(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.txt")
    log._file.close()
    log._file = _FullDisk()  # type: ignore[assignment]
    log.write("lost\n")
    log.note("lost too")
    log.close()


def test_a_log_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        Log(tmp_path / "missing" / "log.txt")
