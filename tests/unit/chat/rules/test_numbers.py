"""Numbers are read as people write them, in digits and in words of both languages."""

from __future__ import annotations

from itertools import pairwise

import pytest

from workbench.chat.rules.numbers import find


def values(text):
    return [number.value for number in find(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [("50", 50), ("1,280", 1280), ("0.01", 0.01), (".5", 0.5), ("2k", 2000), ("1천", 1000), ("1만 장", 10_000)],
)
def test_digits_are_read_with_their_separators_and_thousands(text, value):
    assert values(text) == [value]


@pytest.mark.parametrize("text", ["1e-3", "1 x 10^-3", "1*10^-3"])
def test_powers_of_ten_are_read(text):
    assert values(text) == [0.001]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("one hundred and twenty epochs", 120),
        ("a dozen epochs", 12),
        ("two thousand", 2000),
        ("zero point five", 0.5),
        ("twelve eighty", 1280),
        ("nine sixty", 960),
    ],
)
def test_english_words_of_one_run_are_one_number(text, value):
    assert values(text) == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [("백이십 에폭", 120), ("이백오십으로", 250), ("영점오로", 0.5), ("만 장", 10_000), ("에폭오십으로", 50)],
)
def test_chinese_numerals_are_read_before_a_unit_or_a_particle(text, value):
    assert values(text) == [value]


@pytest.mark.parametrize(
    ("text", "value"), [("스물다섯 에폭", 25), ("세 시간", 3), ("열두 번", 12), ("배치는 여덟", 8), ("서른으로", 30)]
)
def test_korean_numerals_are_read_before_a_unit_or_at_the_end(text, value):
    assert values(text) == [value]


@pytest.mark.parametrize("text", ["이 모델", "이번에는", "한 모델", "the other one", "one more time", "이일로"])
def test_words_that_are_only_sometimes_numbers_are_none_elsewhere(text):
    assert values(text) == []


@pytest.mark.parametrize("text", ["v2", "camera-3", "#7", "2) epochs", "layer_4_"])
def test_digits_of_names_and_of_lists_count_nothing(text):
    assert values(text) == []


@pytest.mark.parametrize("text", ["30%", "30 percent", "30퍼센트", "30프로", "3할만"])
def test_a_percent_sign_is_part_of_the_number(text):
    (number,) = find(text)
    assert (number.value, number.percent) == (30, True)


@pytest.mark.parametrize(
    ("text", "value", "sign"), [("+20", 20, "+"), ("-20", -20, "-"), ("minus five", -5, "-"), ("마이너스 3", -3, "-")]
)
def test_a_sign_is_kept(text, value, sign):
    (number,) = find(text)
    assert (number.value, number.signed) == (value, sign)


def test_numbers_stand_from_left_to_right_and_never_overlap():
    found = find("epochs 50, 배치 여덟, twelve hundred")
    assert [number.value for number in found] == [50, 8, 1200]
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_no_number_is_too_large_to_be_held():
    assert values("9" * 400) == [1e300]
