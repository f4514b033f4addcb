"""What the page of a certificate says, in English and Korean.

What lives here: words. What does not: their place on the page (``page``).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from workbench.datasets.lint.rules import Text

TITLE: Final = Text("Certificate of an export", "내보내기 인증서")
VERDICTS: Final = MappingProxyType(
    {
        "yes": Text("It answers like its checkpoint.", "체크포인트와 같은 답을 냅니다."),
        "no": Text("It does not answer like its checkpoint.", "체크포인트와 같은 답을 내지 않습니다."),
        "accepted": Text(
            "It differs from its checkpoint, in what was accepted.", "허용된 항목에서 체크포인트와 다릅니다."
        ),
        "unproven": Text("Nothing is proven: the images show too little.", "이미지가 부족하여 입증되지 않았습니다."),
        "unverified": Text("It was made, but cannot be asked here.", "만들었지만 여기서는 확인할 수 없습니다."),
    }
)
ADVICE: Final = MappingProxyType(
    {
        "yes": Text(
            "{images} images were answered by both, and no row below fails.",
            "이미지 {images}장에 둘 다 답했고, 아래에 실패한 항목이 없습니다.",
        ),
        "no": Text("Do not deploy it. These rows fail: {rows}.", "배포하지 마세요. 실패한 항목: {rows}."),
        "accepted": Text(
            "These rows fail, and were accepted: {rows}.", "다음 항목은 실패했지만 허용되었습니다: {rows}."
        ),
        "unproven": Text(
            "Nothing is wrong with the export, but these rows fail: {rows}.",
            "내보낸 모델에 문제는 없지만 다음 항목이 실패했습니다: {rows}.",
        ),
        "unverified": Text(
            "Ask it on a machine that can run it, before you deploy it.",
            "배포하기 전에 실행할 수 있는 기기에서 확인하세요.",
        ),
    }
)
MARKS: Final = MappingProxyType(
    {
        "pass": ("✓", Text("passes", "통과")),
        "fail": ("✗", Text("fails", "실패")),
        "unverified": ("–", Text("not verified here", "여기서 검증 안 됨")),
        "accepted": ("!", Text("fails, accepted", "실패, 허용됨")),
    }
)
COLUMNS: Final = (Text("Row", "항목"), Text("Verdict", "판정"), Text("Found", "결과"), Text("Wanted", "기준"))
ROWS: Final = MappingProxyType(
    {
        "file": Text("file", "파일"),
        "metadata": Text("metadata", "메타데이터"),
        "task": Text("task", "작업"),
        "class names": Text("class names", "클래스 이름"),
        "image size": Text("image size", "이미지 크기"),
        "stride": Text("stride", "스트라이드"),
        "preprocessing": Text("preprocessing", "전처리"),
        "postprocessing": Text("postprocessing", "후처리"),
        "dataset": Text("dataset", "데이터셋"),
        "run": Text("run", "실행"),
        "licence": Text("licence", "라이선스"),
        "paths": Text("paths", "경로"),
        "raw output": Text("raw output", "원시 출력"),
        "detections": Text("detections", "탐지 결과"),
        "masks": Text("masks", "마스크"),
        "keypoints": Text("keypoints", "키포인트"),
        "angles": Text("angles", "각도"),
        "class scores": Text("class scores", "클래스 점수"),
        "endpoint": Text("endpoint", "엔드포인트"),
        "accuracy": Text("accuracy", "정확도"),
        "images": Text("images", "이미지 수"),
        "boxes": Text("boxes", "상자 수"),
        "whole boxes": Text("whole boxes", "온전한 상자"),
        "classes": Text("classes", "클래스 수"),
        "accuracy images": Text("accuracy images", "정확도 이미지 수"),
    }
)
CHECKED: Final = Text("What was checked", "확인한 것")
MEASURED: Final = Text("What was measured", "측정한 것")
ACCURACY: Final = Text(
    "{metric}: checkpoint {before}, export {after}; a drop of {drop} points, 95 % interval {low} to {high}, "
    "on {images} images with {targets} objects",
    "{metric}: 체크포인트 {before}, 내보낸 모델 {after}; 하락 {drop}포인트, 95 % 구간 {low} ~ {high}, "
    "이미지 {images}장, 객체 {targets}개",
)
LATENCY: Final = Text(
    "p50 {p50} ms, p95 {p95} ms, {per_s} images/s; {provider}, {threads}, {processor}",
    "p50 {p50} ms, p95 {p95} ms, 초당 {per_s}장; {provider}, {threads}, {processor}",
)
THREADS: Final = Text("threads: {count}", "스레드 {count}개")
THREADS_CHOSEN: Final = Text("threads as the runtime chooses", "스레드 수는 런타임이 정함")
FIGURES: Final = MappingProxyType(
    {
        "export": Text("Export", "내보낸 것"),
        "accuracy": Text("Accuracy", "정확도"),
        "latency": Text("Latency", "지연 시간"),
        "size": Text("Size", "크기"),
        "memory": Text("Memory at the peak, beside its libraries", "최대 메모리 (라이브러리 제외)"),
        "boxes": Text("Boxes per image", "이미지당 상자"),
        "versions": Text("Versions", "버전"),
        "checkpoint": Text("sha256 of the checkpoint", "체크포인트의 sha256"),
        "model": Text("sha256 of the export", "내보낸 모델의 sha256"),
    }
)
NOT_MEASURED: Final = Text("not measured", "측정하지 않음")
DIFFERING: Final = Text("Where the answers differ most", "답이 가장 다른 곳")
ALIKE: Final = Text("What both see", "둘 다 보는 것")
CHECKPOINT: Final = Text("checkpoint", "체크포인트")
EXPORT: Final = Text("export", "내보낸 모델")
BOXES: Final = Text(
    "{matched} of {boxes} boxes matched, {missed} missed, {added} added, {flipped} of another class; "
    "{px} px, {confidence} of confidence",
    "상자 {boxes}개 중 {matched}개 일치, 누락 {missed}개, 추가 {added}개, 다른 클래스 {flipped}개; "
    "{px} px, 신뢰도 {confidence}",
)
SCORES: Final = Text("{scores} of probability", "확률 차이 {scores}")
LANGUAGE: Final = Text("Language", "언어")
