"""The rules about the dataset as a whole: classes, splits, leaks and duplicates.

What lives here: their words. What does not: their finding (``lint.classes``, ``lint.splits``, ``similar``).
"""

from __future__ import annotations

from workbench.datasets.lint.rules import Rule, Text

_SPLIT = Text("`workbench datasets split` makes splits.", "`workbench datasets split`으로 분할을 만드십시오.")
_ONE_SIDE = Text(
    "`workbench datasets split` keeps such images on one side.",
    "`workbench datasets split`은 이런 이미지를 한쪽에 둡니다.",
)
_LEAKED = Text(
    "Training says nothing: the measured quality is better than the true one.",
    "학습은 알려 주지 않으며 측정된 성능이 실제보다 높게 나옵니다.",
)
_TRUST = Text(
    "The names in data.yaml decide; training does not look at this.",
    "data.yaml의 이름을 따를 뿐 학습은 확인하지 않습니다.",
)

WHOLES = (
    Rule(
        "task-shapes",
        "error",
        "none",
        Text("boxes where the task needs shapes", "작업에 필요한 폴리곤 대신 박스가 있음"),
        Text("Training stops when it reads the labels.", "라벨을 읽는 단계에서 학습이 중단됩니다."),
        Text("Choose the task detect, or label with polygons.", "detect 작업을 선택하거나 폴리곤으로 라벨링하십시오."),
        "lint",
    ),
    Rule(
        "task-shapes-mixed",
        "info",
        "none",
        Text("some labels are boxes, others polygons", "박스 라벨과 폴리곤 라벨이 섞여 있음"),
        Text(
            "Only the boxes are used, those around the polygons too.",
            "폴리곤을 둘러싼 박스를 포함해 박스만 사용됩니다.",
        ),
        Text("Nothing, for the task detect.", "detect 작업이라면 조치할 필요가 없습니다."),
        "lint",
    ),
    Rule(
        "class-unused",
        "warning",
        "none",
        Text("a class without any object", "객체가 하나도 없는 클래스"),
        Text("The model has an output that it never learns.", "모델에 학습되지 않는 출력이 생깁니다."),
        Text("Remove the class, or label some.", "클래스를 삭제하거나 라벨을 추가하십시오."),
        "lint",
    ),
    Rule(
        "class-imbalance",
        "info",
        "none",
        Text("a class far rarer than the most frequent one", "가장 많은 클래스보다 훨씬 드문 클래스"),
        Text(
            "Training sees each image once an epoch, whatever its class.",
            "클래스와 관계없이 에폭마다 이미지를 한 번씩 학습합니다.",
        ),
        Text("Collect more of it, and look at its own metrics.", "데이터를 더 모으고 클래스별 지표를 확인하십시오."),
        "lint",
    ),
    Rule(
        "class-name-twice",
        "warning",
        "none",
        Text("two classes of one name", "이름이 같은 두 클래스"),
        _TRUST,
        Text("Merge the classes, or rename one.", "클래스를 합치거나 하나의 이름을 바꾸십시오."),
        "lint",
    ),
    Rule(
        "split-missing",
        "error",
        "none",
        Text("a split that training needs is not there", "학습에 필요한 분할이 없음"),
        Text("Training does not start.", "학습이 시작되지 않습니다."),
        _SPLIT,
        "lint",
    ),
    Rule(
        "split-empty",
        "error",
        "none",
        Text("a split of which no image remains", "남는 이미지가 하나도 없는 분할"),
        Text("Training stops: no valid images found.", "유효한 이미지가 없어 학습이 중단됩니다."),
        Text("Correct what drops its images.", "이미지가 제외되는 원인을 고치십시오."),
        "lint",
    ),
    Rule(
        "split-unlabelled",
        "error",
        "none",
        Text("a split without any object", "객체가 하나도 없는 분할"),
        Text(
            "Without labels in train nothing is learned; without labels in val nothing is measured.",
            "train에 라벨이 없으면 학습되지 않고 val에 라벨이 없으면 측정되지 않습니다.",
        ),
        Text("Check where the label files lie.", "라벨 파일의 위치를 확인하십시오."),
        "lint",
    ),
    Rule(
        "split-class-missing",
        "warning",
        "none",
        Text("a class that one split has and another has not", "한 분할에만 있는 클래스"),
        Text(
            "What train lacks is never learned; what val lacks is never measured.",
            "train에 없으면 학습되지 않고 val에 없으면 측정되지 않습니다.",
        ),
        _SPLIT,
        "lint",
    ),
    Rule(
        "leak-exact",
        "warning",
        "keep",
        Text("the same image in two splits", "두 분할에 같은 이미지가 있음"),
        _LEAKED,
        _ONE_SIDE,
        "similar",
    ),
    Rule(
        "leak-near",
        "warning",
        "keep",
        Text("nearly the same image in two splits", "두 분할에 거의 같은 이미지가 있음"),
        _LEAKED,
        _ONE_SIDE,
        "similar",
    ),
    Rule(
        "leak-group",
        "warning",
        "keep",
        Text("images of one group in two splits", "한 그룹의 이미지가 두 분할에 있음"),
        _LEAKED,
        _ONE_SIDE,
        "similar",
    ),
    Rule(
        "duplicate-exact",
        "warning",
        "keep",
        Text("the same image twice in a split", "한 분할에 같은 이미지가 두 번 있음"),
        Text("It weighs twice, and its labels may disagree.", "두 배로 반영되며 라벨이 서로 다를 수 있습니다."),
        Text("Keep the better labelled one.", "라벨이 더 나은 것만 남기십시오."),
        "similar",
    ),
    Rule(
        "duplicate-near",
        "info",
        "keep",
        Text("nearly the same image twice in a split", "한 분할에 거의 같은 이미지가 두 번 있음"),
        Text("Both are trained on.", "둘 다 학습됩니다."),
        Text(
            "Nothing, when they are frames or augmented copies.", "연속 프레임이나 증강본이라면 조치할 필요가 없습니다."
        ),
        "similar",
    ),
)
