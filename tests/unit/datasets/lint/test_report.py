"""The report: order, counts, sentences, what blocks, the payload and the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from tests.unit.datasets.lint.said import content, image, issue, pair
from workbench.datasets import lint
from workbench.datasets.content import ISSUES
from workbench.datasets.lint import Report
from workbench.errors import RequestError

pytestmark = pytest.mark.slow

NASTY = "images/train/<img src=x onerror=alert(1)>{0}\u202egpj.jpg"


@pytest.fixture
def report() -> Report:
    """Ten images to train on, of which five are dropped, one of them for two reasons; one is rewritten."""
    images = [image(f"images/train/{at}.jpg") for at in range(10)] + [image("images/val/v.jpg")]
    fine = [(row["path"], 0, 0.5, 0.5, 0.2, 0.2) for row in images]
    faults = [
        issue("label-class-unknown", at, "class 7 but names has 5", "drop", path=f"labels/train/{at}.txt", line=2)
        for at in (3, 1, 2, 6)
    ]
    faults += [issue("image-truncated", at, "ends early", "drop", path=f"images/train/{at}.jpg") for at in (4, 1)]
    faults += [issue("image-jpeg-tail", 5, "2 bytes", "rewrite", path="images/train/5.jpg")]
    faults += [issue("label-orphan", None, "no image", "none", path="labels/train/x.txt")]
    return lint.check(content(images, fine, names=("cat",), issues=faults))


def test_a_dropped_image_counts_once_under_its_first_reason(report: Report) -> None:
    """Image 1 is damaged and has a wrong class: ultralytics looks at the image first, and so do the counts."""
    assert report.dropped == 5
    dropped = {found.rule.id: (found.issues, found.images, found.dropped) for found in report.findings}
    assert dropped["image-truncated"] == (2, 2, 2)
    assert dropped["label-class-unknown"] == (4, 4, 3)
    assert [(split.name, split.images, split.dropped) for split in report.splits] == [("train", 10, 5), ("val", 1, 0)]
    assert report.rewritten == 1


def test_issues_stand_in_the_order_of_rules_and_then_of_images(report: Report) -> None:
    """Errors first; the examples of a finding are its own rows."""
    assert report.issues.schema == ISSUES
    rules = report.issues["rule"].to_pylist()
    assert rules[:5] == ["image-truncated"] * 2 + ["label-class-unknown"] * 3
    for found in report.findings:
        assert set(rules[found.start : found.start + found.issues]) == {found.rule.id}
    unknown = next(found for found in report.findings if found.rule.id == "label-class-unknown")
    assert [row["image_id"] for row in report.examples(unknown)] == [1, 2, 3, 6]
    assert report.examples(unknown, 1)[0] == {
        "image_id": 1,
        "object_id": None,
        "path": "labels/train/1.txt",
        "line": 2,
        "detail": "class 7 but names has 5",
        "effect": "drop",
    }


def test_the_sentences_say_what_training_will_do(report: Report) -> None:
    """The worst comes first, with counts and the first example of each."""
    dropped, rewritten, odd = report.sentences()
    assert dropped == (
        "5 of 11 images will be dropped: "
        "a class id that `names` has not (3; labels/train/1.txt line 2: class 7 but names has 5), "
        "the image file ends early or is damaged (2; images/train/1.jpg: ends early)."
    )
    assert rewritten.startswith("1 image will be rewritten: the JPEG has bytes after its end (1;")
    assert odd.startswith("Worth a look: a label file without an image (1;")
    assert report.sentences("ko")[0].startswith("이미지 11개 중 5개가 제외됩니다: ")


def test_images_that_a_reader_drops_without_a_word_are_counted() -> None:
    """The effect of the image alone is enough."""
    said = content([image("images/train/a.jpg", effect="drop"), image("images/train/b.jpg"), image("images/val/c.jpg")])
    report = lint.check(said)
    assert report.dropped == 1
    assert report.sentences()[0] == "1 of 3 images will be dropped."


def test_errors_block_unless_their_rule_is_accepted_by_name(report: Report) -> None:
    """Warnings do not block."""
    assert [found.rule.id for found in report.blocking()] == ["image-truncated", "label-class-unknown"]
    assert [found.rule.id for found in report.blocking(["image-truncated"])] == ["label-class-unknown"]
    assert report.blocking(["image-truncated", "label-class-unknown", "label-orphan"]) == ()


def test_an_accepted_name_that_is_no_rule_is_refused(report: Report) -> None:
    """A slip of the pen does not accept anything."""
    with pytest.raises(
        RequestError, match=r"No rule is called 'label-clas-unknown'.*Did you mean 'label-class-unknown'"
    ):
        report.blocking(["label-clas-unknown"])


def test_checking_again_what_a_report_says_changes_nothing(report: Report) -> None:
    """Issues may be kept beside the tables and taken in again."""
    images = [image(f"images/train/{at}.jpg") for at in range(10)] + [image("images/val/v.jpg")]
    fine = [(row["path"], 0, 0.5, 0.5, 0.2, 0.0) for row in images]
    first = lint.check(content(images, fine, names=("cat", "dog"), issues=report.issues.to_pylist()))
    again = lint.check(content(images, fine, names=("cat", "dog"), issues=first.issues.to_pylist()))
    assert again.summary == first.summary
    assert first.summary["box-zero"] == 11
    assert again.issues.equals(first.issues)


def test_a_cured_dataset_is_no_longer_told_what_lint_found_itself() -> None:
    """Issues of lint's own rules are found anew each time."""
    stale = [issue("split-missing", None, "no images in val", "none"), issue("box-zero", 0, "0 x 0")]
    assert lint.check(pair(issues=stale)).summary == {}


def test_a_rule_of_another_release_is_shown_and_does_not_block() -> None:
    """An index may have been written by a newer workbench."""
    report = lint.check(pair(issues=[issue("image-haunted", 0, "boo")]))
    assert report.summary == {"image-haunted": 1}
    assert report.blocking() == ()
    assert "image-haunted" in report.html()


def test_more_issues_may_be_handed_in() -> None:
    """Those of the search for duplicates, for one."""
    found = content([], issues=[issue("duplicate-near", 0, "as b.jpg")]).issues
    assert lint.check(pair(), found).summary == {"duplicate-near": 1}


def test_the_payload_is_json_of_bounded_size(report: Report) -> None:
    """Its shape is documented; examples are cut and the rest is counted."""
    payload = report.to_payload(examples=2)
    assert json.loads(json.dumps(payload)) == payload
    assert payload["images"] == {"total": 11, "dropped": 5, "rewritten": 1}
    assert payload["severities"] == {"error": 6, "warning": 2, "info": 0}
    unknown = next(rule for rule in payload["rules"] if rule["id"] == "label-class-unknown")
    assert (len(unknown["examples"]), unknown["more"], unknown["issues"]) == (2, 2, 4)
    assert set(unknown) == {
        *("id", "severity", "effect", "title", "behaviour", "advice"),
        *("issues", "images", "dropped", "examples", "more"),
    }
    assert set(payload) == {
        *("version", "task", "images", "objects", "splits", "severities", "sentences", "rules"),
    }


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(report: Report, language: str = "en") -> _Tags:
    parser = _Tags()
    parser.feed(report.html(language))  # type: ignore[arg-type]
    return parser


def test_names_are_data_on_the_page() -> None:
    """No file name becomes markup, and characters that turn the text around are made visible."""
    said = content(
        [image(NASTY, orientation=6), image("images/val/b.jpg")],
        [("images/val/b.jpg", 1, 0.5, 0.5, 0.2, 0.2)],
        names=("<script>alert(1)</script>", "{dog}"),
        issues=[issue("label-orphan", None, "</script><b>{x}</b>", path=NASTY)],
    )
    page = _page(lint.check(said))
    assert "\u202e" not in page.text
    assert {tag for tag, _ in page.tags} & {"img", "b"} == set()
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "<img src=x onerror=alert(1)>{0}\\u202egpj.jpg" in page.text
    assert "'<script>alert(1)</script>' (class 0) has no object" in page.text
    assert "</script><b>{x}</b>" in page.text


def test_the_page_needs_nothing_else_and_lets_no_other_script_run(report: Report) -> None:
    """No address in it, and a policy with a nonce that is new each time."""
    page = _page(report)
    assert all("src" not in attrs and "href" not in attrs for _, attrs in page.tags)
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    nonce = next(attrs["nonce"] for tag, attrs in page.tags if tag == "script")
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'"
    assert nonce not in report.html()


def test_the_page_holds_both_languages_and_opens_in_one(report: Report) -> None:
    """The reader may change it."""
    page = _page(report, "ko")
    assert next(attrs["lang"] for tag, attrs in page.tags if tag == "html") == "ko"
    assert "5 of 11 images will be dropped" in page.text
    assert "이미지 11개 중 5개가 제외됩니다" in page.text


def test_the_page_says_how_many_rows_it_leaves_out(report: Report) -> None:
    """Bounded like the payload."""
    page = _Tags()
    page.feed(report.html(examples=2))
    assert "2 more are not shown." in page.text


def test_a_name_with_control_characters_does_not_command_a_terminal() -> None:
    """Sentences are printed."""
    report = lint.check(pair(issues=[issue("label-orphan", None, "", path="a\x1b[31m\nb.txt")]))
    assert "a\\x1b[31m\\nb.txt" in report.sentences()[0]
