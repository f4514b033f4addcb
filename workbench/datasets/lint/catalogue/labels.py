"""The rules about label files, masks, depth maps and the yaml that names them.

What lives here: their words. What does not: their finding (``formats``).
"""

from __future__ import annotations

from workbench.datasets.lint.rules import Rule, Text

_WHOLE = Text(
    "One bad row of a YOLO file makes training leave the whole image out; of other formats the one object is left out.",
    "YOLO 파일은 한 행만 잘못되어도 이미지 전체가 제외되고 다른 형식에서는 해당 객체만 빠집니다.",
)
_DROPPED = Text("Training leaves the image out.", "이미지가 학습에서 제외됩니다.")
_CORRECT = Text("Correct the row.", "해당 행을 고치십시오.")
_BACKGROUND = Text(
    "The image is trained on as background: nothing of interest in it.",
    "관심 대상이 없는 배경 이미지로 학습됩니다.",
)
_OURS = Text("Training is handed what the workbench understood.", "워크벤치가 해석한 내용이 학습에 전달됩니다.")

LABELS = (
    Rule(
        "label-class-unknown",
        "error",
        "drop",
        Text("a class id that `names` has not", "`names`에 없는 클래스 번호"),
        _WHOLE,
        Text("Add the class to `names`, or correct the id.", "`names`에 클래스를 추가하거나 번호를 고치십시오."),
    ),
    Rule(
        "label-class-fraction",
        "error",
        "drop",
        Text("a class id that is no whole number", "정수가 아닌 클래스 번호"),
        _WHOLE,
        _CORRECT,
    ),
    Rule(
        "label-columns",
        "error",
        "drop",
        Text("a row of a wrong number of columns", "열 개수가 잘못된 행"),
        _WHOLE,
        Text(
            "Write `class x y w h`, or the form that the task asks for; check the task.",
            "`class x y w h` 또는 작업에 맞는 형식으로 쓰고 작업 종류를 확인하십시오.",
        ),
    ),
    Rule("label-number", "error", "drop", Text("a value that is no number", "숫자가 아닌 값"), _WHOLE, _CORRECT),
    Rule(
        "label-not-finite",
        "error",
        "drop",
        Text("a value that is infinite or not a number", "무한대이거나 NaN인 값"),
        _WHOLE,
        _CORRECT,
    ),
    Rule(
        "label-mixed",
        "error",
        "drop",
        Text("boxes and polygons in one file", "한 파일에 박스와 폴리곤이 섞여 있음"),
        _WHOLE,
        Text("Write polygons only, or boxes only.", "폴리곤 또는 박스 한 가지만 쓰십시오."),
    ),
    Rule(
        "label-outside",
        "error",
        "drop",
        Text("a coordinate beyond the image", "이미지 밖의 좌표"),
        Text(
            "A coordinate above 1.01 makes training leave the whole image out.",
            "1.01을 넘는 좌표가 하나라도 있으면 이미지 전체가 제외됩니다.",
        ),
        Text("Write fractions of the image, 0 to 1, not pixels.", "픽셀이 아니라 0에서 1 사이의 비율로 쓰십시오."),
    ),
    Rule(
        "label-negative",
        "error",
        "drop",
        Text("a negative value", "음수 값"),
        Text(
            "A value below -0.01, or a negative width or height, makes training leave the whole image out.",
            "-0.01보다 작은 값이나 음수 너비·높이가 있으면 이미지 전체가 제외됩니다.",
        ),
        _CORRECT,
    ),
    Rule(
        "label-encoding",
        "error",
        "drop",
        Text("a label file that is not UTF-8 text", "UTF-8 텍스트가 아닌 라벨 파일"),
        _DROPPED,
        Text("Save it as UTF-8.", "UTF-8로 저장하십시오."),
    ),
    Rule(
        "label-unreadable",
        "error",
        "drop",
        Text("a label that cannot be read", "읽을 수 없는 라벨"),
        _DROPPED,
        Text("Check the file and its rights.", "파일과 권한을 확인하십시오."),
    ),
    Rule(
        "label-mask",
        "error",
        "keep",
        Text("a mask that cannot be used", "사용할 수 없는 마스크 영역"),
        Text(
            "Only its box is left, or nothing: the image is trained on without the mask.",
            "박스만 남거나 아무것도 남지 않으며 이미지는 그 마스크 없이 학습됩니다.",
        ),
        Text("Export the annotations again.", "어노테이션을 다시 내보내십시오."),
    ),
    Rule(
        "label-row-twice",
        "warning",
        "keep",
        Text("a row that repeats another", "중복된 행"),
        Text("Training counts it once.", "한 번만 계산됩니다."),
        Text("Remove the row.", "해당 행을 삭제하십시오."),
    ),
    Rule(
        "label-empty",
        "info",
        "keep",
        Text("a label file without rows", "내용이 없는 라벨 파일"),
        _BACKGROUND,
        Text("Nothing, when the image is meant as background.", "배경 이미지라면 조치할 필요가 없습니다."),
    ),
    Rule(
        "label-missing",
        "warning",
        "keep",
        Text("an image without a label file", "라벨 파일이 없는 이미지"),
        _BACKGROUND,
        Text(
            "Label it, or add an empty file to say that it is background.",
            "라벨을 추가하거나 빈 파일로 배경임을 표시하십시오.",
        ),
    ),
    Rule(
        "label-orphan",
        "warning",
        "none",
        Text("a label file without an image", "이미지가 없는 라벨 파일"),
        Text("Training does not see it, and does not say so.", "아무 알림 없이 학습에서 보이지 않습니다."),
        Text("Find its image, or remove it.", "해당 이미지를 찾거나 파일을 삭제하십시오."),
    ),
    Rule(
        "label-bom",
        "info",
        "keep",
        Text("a label file that begins with a byte-order mark", "BOM으로 시작하는 라벨 파일"),
        Text(
            "ultralytics 8.4 reads it; older releases drop the image.",
            "ultralytics 8.4는 읽지만 이전 버전은 이미지를 제외합니다.",
        ),
        Text("Save it as UTF-8 without BOM.", "BOM 없는 UTF-8로 저장하십시오."),
    ),
    Rule(
        "mask-missing",
        "error",
        "drop",
        Text("an image without a mask", "마스크가 없는 이미지"),
        _DROPPED,
        Text("Add the mask, or remove the image.", "마스크를 추가하거나 이미지를 삭제하십시오."),
    ),
    Rule(
        "mask-size",
        "error",
        "drop",
        Text("a mask of another size than its image", "이미지와 크기가 다른 마스크"),
        _DROPPED,
        Text("Make the mask as large as the image after EXIF.", "EXIF를 적용한 이미지 크기에 마스크를 맞추십시오."),
    ),
    Rule(
        "mask-class",
        "error",
        "drop",
        Text("a mask with ids that are no classes", "클래스가 아닌 값이 있는 마스크"),
        _DROPPED,
        Text(
            "Use class ids, 255 for pixels to ignore, or a `label_mapping:`.",
            "클래스 번호와 무시할 픽셀 255만 쓰거나 `label_mapping:`을 지정하십시오.",
        ),
    ),
    Rule(
        "mask-unreadable",
        "error",
        "drop",
        Text("a mask that cannot be read", "읽을 수 없는 마스크"),
        _DROPPED,
        Text("Save the mask anew, as PNG.", "마스크를 PNG로 다시 저장하십시오."),
    ),
    Rule(
        "depth-missing",
        "error",
        "drop",
        Text("an image without a depth map", "깊이 맵이 없는 이미지"),
        _DROPPED,
        Text("Add the depth map, or remove the image.", "깊이 맵을 추가하거나 이미지를 삭제하십시오."),
    ),
    Rule(
        "depth-size",
        "error",
        "drop",
        Text("a depth map of another aspect than its image", "이미지와 가로세로 비율이 다른 깊이 맵"),
        _DROPPED,
        Text("Cut both in the same way.", "둘을 같은 방식으로 자르십시오."),
    ),
    Rule(
        "depth-unreadable",
        "error",
        "drop",
        Text("a depth map that cannot be read", "읽을 수 없는 깊이 맵"),
        _DROPPED,
        Text(
            "Save a 16-bit gray PNG, or a two-dimensional array of floats as npy.",
            "16비트 회색조 PNG 또는 2차원 실수 배열 npy로 저장하십시오.",
        ),
    ),
    Rule(
        "yaml-path-missing",
        "warning",
        "none",
        Text("`path:` of data.yaml is not on this machine", "data.yaml의 `path:`가 이 컴퓨터에 없음"),
        _OURS,
        Text(
            "Remove `path:`, so that the yaml's own folder counts.",
            "`path:`를 지우면 yaml이 있는 폴더가 기준이 됩니다.",
        ),
    ),
    Rule(
        "yaml-name-twice",
        "warning",
        "none",
        Text("data.yaml names two classes alike", "data.yaml에 같은 클래스 이름이 두 번 있음"),
        Text(
            "They are two classes for training, which nobody can tell apart.", "구별할 수 없는 두 클래스로 학습됩니다."
        ),
        Text("Merge the classes, or rename one.", "클래스를 합치거나 하나의 이름을 바꾸십시오."),
    ),
    Rule(
        "yaml-name-not-text",
        "warning",
        "none",
        Text("a class name that YAML does not read as text", "YAML이 문자열로 읽지 않는 클래스 이름"),
        Text(
            "yes, no, on, off and null become True, False and None.",
            "yes, no, on, off, null은 True, False, None이 됩니다.",
        ),
        Text("Put the name in quotes.", "이름을 따옴표로 묶으십시오."),
    ),
    Rule(
        "yaml-listed-missing",
        "error",
        "drop",
        Text("a listed image that is not there", "목록에 있지만 존재하지 않는 이미지"),
        _DROPPED,
        Text("Correct the list, or put the file there.", "목록을 고치거나 파일을 두십시오."),
    ),
    Rule(
        "yaml-listed-twice",
        "warning",
        "none",
        Text("an image that a list names twice", "목록에 두 번 적힌 이미지"),
        Text("It counts once.", "한 번만 계산됩니다."),
        Text("Remove one of the lines.", "한 줄을 삭제하십시오."),
    ),
)
