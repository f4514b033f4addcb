"""What the studio says, in English and Korean.

What lives here: words. What does not: those of the widgets in it, which their scripts bring.
"""

from __future__ import annotations

import locale
from typing import Final

_TEXTS: Final = {
    "add": ("Add", "추가"),
    "add_help": (
        "A data.yaml, a folder, an archive, or an s3:// or https:// address.",
        "data.yaml, 폴더, 압축 파일, 또는 s3://나 https:// 주소.",
    ),
    "add_more": ("Add another …", "더 추가…"),
    "add_where": ("Path or address", "경로 또는 주소"),
    "adding": ("Reading …", "읽는 중…"),
    "config": ("2 · Configure", "2 · 설정"),
    "config_empty": ("Loading …", "불러오는 중…"),
    "dataset": ("Dataset", "데이터셋"),
    "data": ("1 · Data", "1 · 데이터"),
    "data_empty": (
        "No dataset yet. Add one of your own, or look around with the sample: real digits on real photographs.",
        "아직 데이터셋이 없습니다. 직접 추가하거나, 실제 사진 위의 실제 숫자로 만든 샘플로 둘러보세요.",
    ),
    "deploy": ("6 · Deploy", "6 · 배포"),
    "deploy_empty": (
        "Nothing is deployed. In the chat: “deploy the last export”. In Python: ws.deploy(export).",
        "배포된 것이 없습니다. 채팅에서 “마지막 내보내기를 배포해줘”. Python에서 ws.deploy(export).",
    ),
    "export": ("5 · Export", "5 · 내보내기"),
    "export_chosen": ("Export the chosen run →", "선택한 실행 내보내기 →"),
    "name": ("Name", "이름"),
    "newest": ("Newest runs", "최근 실행"),
    "python": ("The same in Python", "같은 작업의 Python 코드"),
    "refresh": ("Refresh", "새로 고침"),
    "runs": ("3 · Runs", "3 · 실행"),
    "sample": ("Sample data", "샘플 데이터"),
    "since": ("Since", "시작"),
    "start": ("Start training …", "학습 시작…"),
    "start_said": ("start training", "학습 시작해줘"),
    "start_help": (
        "Shows a card first; nothing starts without your yes.",
        "먼저 카드가 표시됩니다. 확인해야 시작됩니다.",
    ),
    "title": ("Vision workbench", "비전 워크벤치"),
    "use": ("Train on it →", "이 데이터로 학습 →"),
    "watch": ("4 · Watch", "4 · 지켜보기"),
    "watch_chosen": ("Watch the chosen runs →", "선택한 실행 지켜보기 →"),
    "watch_empty": (
        "No training yet. Choose data, say what you want under Configure, and start.",
        "아직 학습이 없습니다. 데이터를 고르고, 설정에서 원하는 것을 말한 뒤 시작하세요.",
    ),
    "watch_help": ("Ctrl or Shift chooses several.", "Ctrl이나 Shift로 여러 개를 선택합니다."),
    "workspace": ("Workspace", "워크스페이스"),
    "address": ("Address", "주소"),
}


class Texts:
    """Words in one language.

    Args:
        lang: ``en``, ``ko``, or ``auto`` for the kernel's locale.

    Attributes:
        lang: ``en`` or ``ko``.
    """

    def __init__(self, lang: str = "auto") -> None:
        self.lang = lang if lang != "auto" else "ko" if (locale.getlocale()[0] or "").startswith("ko") else "en"
        self._place = int(self.lang == "ko")

    def __getitem__(self, key: str) -> str:
        """Return a text by its key."""
        return _TEXTS[key][self._place]
