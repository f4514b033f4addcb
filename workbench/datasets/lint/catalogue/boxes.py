"""The rules about single objects: sizes, places, repeats.

What lives here: their words. What does not: their finding (``lint.boxes``).
"""

from __future__ import annotations

from workbench.datasets.lint.rules import Rule, Text

_LOOK = Text("Look at the image, and draw the box anew.", "이미지를 확인하고 박스를 다시 그리십시오.")

BOXES = (
    Rule(
        "box-zero",
        "warning",
        "keep",
        Text("a box without width or height", "너비 또는 높이가 0인 박스"),
        Text(
            "It counts as an object in validation; augmentation leaves it out of training.",
            "검증에서는 객체로 세지만 증강 과정에서 학습에서 빠집니다.",
        ),
        Text("Remove it, or draw it anew.", "삭제하거나 다시 그리십시오."),
        "lint",
    ),
    Rule(
        "box-tiny",
        "warning",
        "keep",
        Text("a box of less than 2 pixels at the training size", "학습 크기에서 2픽셀 미만인 박스"),
        Text(
            "Augmentation leaves boxes below 2 pixels out; in validation they can hardly be found.",
            "증강 과정에서 2픽셀 미만의 박스는 빠지고 검증에서는 거의 찾을 수 없습니다.",
        ),
        Text(
            "Train with a larger imgsz, cut into tiles, or remove it.", "imgsz를 키우거나 타일로 나누거나 삭제하십시오."
        ),
        "lint",
    ),
    Rule(
        "box-huge",
        "info",
        "keep",
        Text("a box around nearly the whole image", "이미지 거의 전체를 덮는 박스"),
        Text("It is trained on as it is.", "그대로 학습됩니다."),
        _LOOK,
        "lint",
    ),
    Rule(
        "box-outside",
        "warning",
        "keep",
        Text("a box that leaves the image", "이미지 밖으로 나가는 박스"),
        Text(
            "Augmentation clips it; validation compares with the whole box.",
            "증강에서는 잘리지만 검증에서는 전체 박스와 비교합니다.",
        ),
        Text("Clip it to the image.", "이미지 경계에 맞춰 자르십시오."),
        "lint",
    ),
    Rule(
        "box-near-twice",
        "warning",
        "keep",
        Text("a box nearly like another of its class", "같은 클래스의 다른 박스와 거의 같은 박스"),
        Text("Both are trained on: one of them counts as missed.", "둘 다 학습되며 하나는 놓친 것으로 계산됩니다."),
        Text("Remove one of the two.", "둘 중 하나를 삭제하십시오."),
        "lint",
    ),
)
