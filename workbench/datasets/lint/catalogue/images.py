"""The rules about image files.

What lives here: their words. What does not: their finding (``scan``, ``lint.pictures``).
"""

from __future__ import annotations

from workbench.datasets.lint.rules import Rule, Text

_DROPPED = Text(
    "Training leaves the image out, with one line in its log.",
    "학습에서 이미지가 제외되고 로그에 한 줄만 남습니다.",
)
_DECODED = Text("Training uses the image as it is decoded.", "디코딩된 그대로 학습에 사용됩니다.")
_REPLACE = Text("Get the file again from its source, or remove it.", "원본에서 파일을 다시 받거나 삭제하십시오.")

IMAGES = (
    Rule(
        "image-unreadable",
        "error",
        "drop",
        Text("the file is not an image that can be opened", "열 수 있는 이미지 파일이 아님"),
        _DROPPED,
        _REPLACE,
    ),
    Rule("image-empty", "error", "drop", Text("the file has 0 bytes", "파일이 0바이트임"), _DROPPED, _REPLACE),
    Rule(
        "image-truncated",
        "error",
        "drop",
        Text("the image file ends early or is damaged", "이미지 파일이 중간에 끊겼거나 손상됨"),
        _DROPPED,
        _REPLACE,
    ),
    Rule(
        "image-too-small",
        "error",
        "drop",
        Text("fewer than 10 pixels on a side", "한 변이 10픽셀 미만"),
        _DROPPED,
        Text("Remove the image, or bring it in its full size.", "이미지를 삭제하거나 원래 크기로 교체하십시오."),
    ),
    Rule(
        "image-format",
        "error",
        "drop",
        Text("the file is of a format that training does not read", "학습이 읽지 못하는 이미지 형식"),
        _DROPPED,
        Text("Convert it to JPEG or PNG.", "JPEG 또는 PNG로 변환하십시오."),
    ),
    Rule(
        "image-bomb",
        "error",
        "drop",
        Text("the header announces too many pixels", "헤더에 표시된 픽셀 수가 너무 많음"),
        Text(
            "Pillow refuses more than 178 million pixels, and training leaves the image out.",
            "Pillow는 1억 7,800만 픽셀을 넘는 이미지를 거부하며 학습에서 제외됩니다.",
        ),
        Text("Cut the image into tiles, or scale it down.", "이미지를 타일로 나누거나 축소하십시오."),
    ),
    Rule(
        "image-undecodable",
        "error",
        "none",
        Text("the image opens, but OpenCV cannot decode it", "열리지만 OpenCV가 디코딩하지 못하는 이미지"),
        Text(
            "The scan keeps it, and the whole training stops when its turn comes: Image Not Found.",
            "스캔은 통과하지만 이미지를 읽는 순간 전체 학습이 중단됩니다(Image Not Found).",
        ),
        _REPLACE,
    ),
    Rule(
        "image-missing",
        "error",
        "drop",
        Text("the image that is named is not there", "지정된 이미지 파일이 없음"),
        _DROPPED,
        Text("Put the file where it is expected, or remove its entry.", "파일을 제자리에 두거나 항목을 삭제하십시오."),
    ),
    Rule(
        "image-name",
        "error",
        "drop",
        Text("the file's name cannot be kept", "파일 이름을 저장할 수 없음"),
        Text("The image is not handed to training.", "이미지가 학습에 전달되지 않습니다."),
        Text("Rename the file, in UTF-8 and without line breaks.", "줄바꿈 없는 UTF-8 이름으로 바꾸십시오."),
    ),
    Rule(
        "image-jpeg-tail",
        "warning",
        "rewrite",
        Text("the JPEG has bytes after its end", "JPEG의 끝 뒤에 다른 바이트가 있음"),
        Text(
            "ultralytics encodes it anew at quality 100, in the tree of links: your own file stays as it is.",
            "ultralytics가 링크 트리 안에서 품질 100으로 다시 인코딩합니다. 원본 파일은 그대로입니다.",
        ),
        Text("Save the image anew, so that what is trained is what you see.", "이미지를 다시 저장하십시오."),
    ),
    Rule(
        "image-exif-rotated",
        "warning",
        "keep",
        Text("EXIF turns or mirrors the image", "EXIF 정보가 이미지를 회전하거나 뒤집음"),
        Text(
            "Training turns the picture upright: labels drawn on the unturned pixels do not fit.",
            "학습은 이미지를 바로 세웁니다. 회전 전 픽셀에 그린 라벨은 맞지 않습니다.",
        ),
        Text(
            "Look at its overlay; if it does not fit, turn the labels.",
            "겹쳐 보기를 확인하고 필요하면 라벨을 돌리십시오.",
        ),
    ),
    Rule(
        "image-cmyk",
        "warning",
        "keep",
        Text("the image is in CMYK colours", "CMYK 색상 이미지"),
        Text(
            "It is converted without its colour profile: colours may be off.",
            "색상 프로파일 없이 변환되어 색이 달라질 수 있습니다.",
        ),
        Text("Convert it to RGB with its profile.", "프로파일을 적용해 RGB로 변환하십시오."),
    ),
    Rule(
        "image-16bit",
        "warning",
        "keep",
        Text("more than 8 bits a channel", "채널당 8비트를 초과함"),
        Text("Only the high 8 bits are trained on: dark scenes may turn black.", "상위 8비트만 학습에 사용됩니다."),
        Text("Scale the values to 8 bits yourself.", "값을 직접 8비트 범위로 변환하십시오."),
    ),
    Rule(
        "image-suffix",
        "warning",
        "keep",
        Text("the file is of another format than its name says", "파일 형식이 확장자와 다름"),
        _DECODED,
        Text("Rename the file.", "파일 이름을 바꾸십시오."),
    ),
    Rule(
        "image-gray",
        "info",
        "keep",
        Text("the image has no colours", "흑백 이미지"),
        Text("Its one channel is used three times.", "한 채널이 세 번 복제되어 사용됩니다."),
        Text("Nothing, when this is meant.", "의도한 것이라면 조치할 필요가 없습니다."),
    ),
    Rule(
        "image-alpha",
        "info",
        "keep",
        Text("the image has transparent parts", "투명도가 있는 이미지"),
        Text("Transparency is ignored: the hidden colours show.", "투명도는 무시되고 가려진 색이 보입니다."),
        Text("Flatten it onto a background.", "배경과 합쳐 저장하십시오."),
    ),
    Rule(
        "image-ignored",
        "warning",
        "none",
        Text("the file is not among the formats that training looks for", "학습이 찾지 않는 형식의 파일"),
        Text("Training does not see it, and does not say so.", "아무 알림 없이 학습에서 보이지 않습니다."),
        Text("Convert it to JPEG or PNG, or remove it.", "JPEG 또는 PNG로 변환하거나 삭제하십시오."),
    ),
    Rule(
        "image-twice",
        "warning",
        "none",
        Text("the image is listed twice in its split", "같은 분할에 두 번 나열된 이미지"),
        Text("It counts once.", "한 번만 계산됩니다."),
        Text("Remove one of the entries.", "항목 하나를 삭제하십시오."),
    ),
)
