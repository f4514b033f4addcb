"""One thing has one name, in the chat, in the widgets and on the dashboards."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.chat import messages
from workbench.runs.model import RunState
from workbench.widgets.pages.texts import TEXTS

STATES = Path(__file__).parents[3] / "extensions/widgets/src/base/states.ts"


def test_the_states_of_a_run_are_called_the_same_everywhere() -> None:
    written = re.findall(r'(\w+): \{ en: "(.+?)", ko: "(.+?)" \}', STATES.read_text(encoding="utf-8"))
    said = [(state.value, *(messages.say(f"label.state.{state}", lang) for lang in ("en", "ko"))) for state in RunState]
    assert sorted(written) == sorted(said)
    assert [TEXTS[lang][f"state_{RunState.CRASHED}"] for lang in ("en", "ko")] == ["crashed", "비정상 종료"]
