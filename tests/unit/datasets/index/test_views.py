"""A view selects the images that its line says, and a wrong line says where and what was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workbench.datasets.index.compiled import Marked, Names, compile_view
from workbench.datasets.index.views import DEPTH, TERMS, And, Not, Or, Term, parse
from workbench.errors import RequestError

pytestmark = pytest.mark.slow

Found = Callable[..., list[int]]


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("", list(range(10))),
        ("class:person", [0, 1, 6]),
        ("class:person AND small", [0]),
        ("class:person AND size:medium,large", [0, 1, 6]),
        ("class:person AND large", [6]),
        ("class:dog AND small", [1]),
        ("(class:person) AND (small)", [0, 1, 6]),
        ("class:person AND class:dog", [0, 1]),
        ("(class:person AND medium) AND class:dog", [0, 1]),
        ("(class:person AND small) AND (class:dog AND large)", [0]),
        ("class:person,고양이", [0, 1, 6]),
        ('class:"traffic light"', [3]),
        ("class:t*", [3]),
        ("class:?og", [0, 1, 2]),
        ("NOT class:dog", [3, 4, 5, 6, 7, 8, 9]),
        ("class:person AND NOT small", []),
        ("small", [0, 1, 6]),
        ("medium", [0, 1, 3]),
        ("large", [0, 2, 6]),
        ("small AND large", [0, 6]),
        ("area>9216", [0, 6]),
        ("area>=9216 AND class:dog", [0, 2]),
        ("area>400 AND area<2000 AND class:person", [1]),
        ("crowd", [6]),
        ("crowd AND class:person", []),
        ("kind:polygon", [6]),
        ("kind:box AND class:person", [0, 1]),
        ("split:val", [6, 7, 8]),
        ("split:train,val AND background", [4, 5, 7, 8]),
        ('split:""', [9]),
        ("background", [4, 5, 7, 8, 9]),
        ("objects>=2", [0, 1, 6]),
        ("objects=0", [4, 5, 7, 8, 9]),
        ("width<640", [9]),
        ("NOT width<640", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("bytes>8e3", [9]),
        ("id!=3 AND id<5", [0, 1, 2, 4]),
        ("path:night*", [0, 1, 5]),
        ("path:night", [5]),
        ("path:*.png", [3]),
        ("path:day/*", [2, 3, 4]),
        ("path:a/night_1.jpg", [0]),
        ("path:x_y%.jpg", [7]),
        ("path:x?y*", [7]),
        ("path:nigh%", []),
        ("path:day_3*", []),
        ('path:"7 하나.jpg"', [6]),
        ("path:새", [6]),
        ("group:x", [0, 1]),
        ("NOT group:x", [2, 3, 4, 5, 6, 7, 8, 9]),
        ("group:*", [0, 1, 2]),
        ("issue:image-truncated", [1, 8]),
        ("issue:label-*", [1]),
        ("issue:*", [1, 8]),
        ("issue:never-heard-of", []),
        ("format:png", [3]),
        ("mode:L", []),
        ("effect:drop,rewrite", [8, 9]),
        ("dropped", [8]),
        ("class:dog OR split:val AND NOT dropped", [0, 1, 2, 6, 7]),
        ("(class:dog OR split:val) AND NOT dropped", [0, 1, 2, 6, 7]),
        ("NOT (class:dog OR split:val)", [3, 4, 5, 9]),
        ("NOT NOT class:person", [0, 1, 6]),
        ("not Class:person or SMALL and class:dog", [1, 2, 3, 4, 5, 7, 8, 9]),
    ],
)
def test_a_view_selects_what_it_says(found: Found, view: str, images: list[int]) -> None:
    assert found(view) == images


def test_a_view_may_name_another_by_its_name(found: Found) -> None:
    views = {"people": "class:person", "hard ones": "view:people AND NOT small"}
    assert found('view:"hard ones" OR dropped', views=views) == [8]
    assert found("view:people,none", views={**views, "none": "dropped"}) == [0, 1, 6, 8]


def test_views_that_name_each_other_are_refused(found: Found) -> None:
    with pytest.raises(RequestError, match="names itself: a -> b -> a"):
        found("view:a", views={"a": "view:b", "b": "small OR view:a"})


def test_and_binds_before_or_and_not_before_both() -> None:
    small, large, crowd = Term("small", at=4), Term("large", at=13), Term("crowd", at=23)
    assert parse("NOT small OR large AND crowd") == Or((Not(small), And((large, crowd))))


@pytest.mark.parametrize(
    ("view", "position", "says"),
    [
        ("class:persn", 6, "no class is called 'persn'.*Did you mean 'person'"),
        ("small AND clas:dog", 10, "no field 'clas'.*Did you mean 'class:'"),
        ("split:tran", 6, "One of train, val, .*Did you mean 'train'"),
        ("smal", 0, "Did you mean 'small'"),
        ("class:person class:dog", 13, "'class:dog' follows.*AND or OR"),
        ("(class:person OR small", 0, "not closed"),
        ("class:person)", 12, "'\\)' follows"),
        ('path:"night', 5, "quote is not closed"),
        ("class:", 6, "a name is missing"),
        ("class:dog,", 10, "a name is missing"),
        ("width<", 6, "a number is missing"),
        ("width<6q", 6, "a number is missing"),
        ("width:640", 0, "'width' takes < <= > >= = or != and a number, not ':'"),
        ("class>3", 0, "'class' takes : and a name, not '>'"),
        ("widht>3", 0, "Did you mean 'width>'"),
        ("AND small", 0, "'and' is no word that stands alone"),
        ("small AND", 9, "ends where a term should follow"),
        ("small OR ,", 9, "',' stands where a term should"),
        ("NOT", 3, "ends where"),
        ("view:nothing", 5, "This dataset has no view"),
        ("kind:boxes", 5, "Did you mean 'box'"),
        ("class:person AND class:dog AND small", 31, "a class is named 2 times.*Parentheses"),
        ("class:dog AND small AND large", 0, "a size is named 2 times"),
        ("NOT " * (DEPTH + 1) + "small", 4 * DEPTH - 1, "nested more than"),
        (" OR ".join(["small"] * (TERMS + 1)), 9 * TERMS, "more than 200 terms"),
        ("a" * 20_000, 10_000, "20000 characters"),
    ],
)
def test_a_wrong_view_says_where_and_what_was_meant(found: Found, view: str, position: int, says: str) -> None:
    with pytest.raises(RequestError, match=f"(?s)at character {position + 1}: .*{says}|{says}") as caught:
        found(view)
    assert caught.value.fields["position"] == position


def test_brackets_in_a_pattern_mean_themselves() -> None:
    names = Names({"a[1]": (0,), "a1": (1,)}, ["train"])
    assert compile_view("class:a[*", names) == Marked((0,))


def test_a_rule_that_is_not_known_is_refused_when_the_rules_are(found: Found) -> None:
    assert found("issue:leak-exact", rules=("leak-exact",)) == []
    with pytest.raises(RequestError, match="Did you mean 'image-truncated'"):
        found("issue:image-trunkated", rules=("leak-exact",))


def test_a_name_is_data_and_never_sql(found: Found) -> None:
    for text in ("x' OR 1=1 --", "'); DROP VIEW images; --", 'a\\" OR 1=1'):
        assert found(f'path:"{text}"') == []


def test_views_that_name_too_many_others_are_refused() -> None:
    """Each names the one before twice: the text grows by a line, what it means doubles."""
    views = {"v0": "small"} | {f"v{n}": f"view:v{n - 1} OR view:v{n - 1}" for n in range(1, 30)}
    names = Names({"cat": (0,)}, ["train"], (), views)
    compile_view("view:v5", names)
    with pytest.raises(RequestError, match="name too many others"):
        compile_view("view:v29", names)
    chain = {"v0": "small"} | {f"v{n}": f"view:v{n - 1}" for n in range(1, 2000)}
    with pytest.raises(RequestError, match="name too many others"):
        compile_view("view:v1999", Names({"cat": (0,)}, ["train"], (), chain))
