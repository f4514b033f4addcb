"""The catalogue of rules: complete, in two languages, and the only source of rule ids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import workbench.datasets
from workbench.datasets.lint import RULES, Rule

pytestmark = pytest.mark.slow

_SUBJECTS = "image|label|mask|depth|yaml|box|task|class|split|leak|duplicate"
_ID = re.compile(rf'"((?:{_SUBJECTS})-[a-z0-9]+(?:-[a-z0-9]+)*)"')
_NO_RULES = {"label-studio", "class-descriptions"}  # a format, and a file of Open Images


def _named_in_code() -> set[str]:
    root = Path(workbench.datasets.__file__).parent
    sources = [path for path in root.rglob("*.py") if "catalogue" not in path.parts]
    return {name for path in sources for name in _ID.findall(path.read_text("utf-8"))} - _NO_RULES


def test_every_rule_that_the_code_names_stands_in_the_catalogue() -> None:
    """A reader cannot invent a rule that has no words."""
    families = {name for name in _named_in_code() if any(rule.startswith(f"{name}-") for rule in RULES)}
    assert _named_in_code() - set(RULES) - families == set()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_is_told_in_both_languages(rule: Rule) -> None:
    """Titles are phrases, the rest sentences; Korean is Korean."""
    for text in (rule.title, rule.behaviour, rule.advice):
        assert text.en.strip() == text.en
        assert re.search("[가-힣]", text.ko)
        assert not re.search("[가-힣]", text.en)
    assert not rule.title.en.endswith(".")
    assert rule.behaviour.en.endswith(".")
    assert rule.advice.en.endswith(".")


def test_what_drops_images_is_an_error_and_what_is_an_error_drops_or_loses_or_stops() -> None:
    """Severity and effect do not contradict each other."""
    assert {rule.id for rule in RULES.values() if rule.effect == "drop" and rule.severity != "error"} == set()
    stops = {rule.id for rule in RULES.values() if rule.severity == "error" and rule.effect != "drop"}
    assert stops == {
        *("image-undecodable", "label-mask"),
        *("split-missing", "split-empty", "split-unlabelled", "task-shapes"),
    }


def test_errors_come_first() -> None:
    """The order of the catalogue is the order of reports."""
    severities = [rule.severity for rule in RULES.values()]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)


def test_the_documentation_lists_exactly_the_catalogue() -> None:
    """docs/lint.md has one row for each rule, with its severity, effect and title."""
    text = (Path(__file__).parents[4] / "docs/lint.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (\w+) \| (.+?) \|", text, re.MULTILINE)
    assert rows == [(rule.id, rule.severity, rule.effect, rule.title.en) for rule in RULES.values()]
