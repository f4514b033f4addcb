"""The chat and the form in a real browser: a whole conversation in two languages, by keys and by clicks."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import NARROW, check_access, open_lab, run_all
from tests.browser.servers import Lab
from tests.tiny import data_yaml

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

OPEN = """
from pathlib import Path
import ipywidgets
import workbench as wb
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.widgets.chat import chat_view
from workbench.widgets.form import config_form

folder = Path({folder!r})
ws = wb.Workspace(folder / "ws", launcher=MemoryLauncher())
ws.datasets.add(folder / "data" / "data.yaml", name="helmets")
chat = chat_view(ws{more});
"""
FORM = "form = config_form(ws, chat, lang='en')\nform"


def opened(lab: Lab, page: Page, folder: Path, *cells: str, more: str = "") -> Locator:
    """Open a notebook with a chat, and return the chat."""
    if not (folder / "data").exists():
        data_yaml(folder / "data")
    lab.put("chat.ipynb", [OPEN.format(folder=str(folder), more=more), *(cells or ("chat",))])
    open_lab(page, lab, "chat.ipynb")
    page.evaluate("() => { jupyterapp.commands.execute('application:toggle-left-area'); return null; }")
    run_all(page)
    chat = page.locator(".wb-chat")
    chat.locator(".wb-session").wait_for()
    expect(chat.locator("textarea")).to_be_enabled()
    return chat


def say(chat: Locator, text: str) -> Locator:
    """Say something with Enter, and return its turn."""
    field = chat.locator("textarea")
    field.fill(text)
    field.press("Enter")
    turn = chat.locator(".wb-turn").filter(has=chat.page.locator(".wb-own", has_text=text)).last
    expect(turn.locator(".wb-answer")).to_be_visible()
    return turn


def test_a_conversation_in_korean_and_english_from_a_config_to_a_confirmed_run(
    lab: Lab, page: Page, shots: Path, tmp_path: Path
) -> None:
    chat = opened(lab, page, tmp_path)
    page.screenshot(path=shots / "chat-empty.png")
    first = say(chat, "yolo26s로 학습해줘, 640, 에폭 50")
    expect(first.locator(".wb-change")).to_have_count(2)
    expect(first.locator(".wb-diff")).to_contain_text("에폭 수(epochs)")
    first.get_by_role("button", name="Undo the change").click()
    expect(first.get_by_role("button", name="Redo the change")).to_be_focused()
    first.get_by_role("button", name="Redo the change").click()
    expect(first.get_by_role("button", name="Undo the change")).to_be_visible()
    asked = say(chat, "시작해")
    asked.locator(".wb-option", has_text="helmets").click()
    page.screenshot(path=shots / "chat-card.png")
    card = chat.locator(".wb-card")
    expect(card).to_contain_text("학습을 시작할까요?")
    check_access(page, ".wb-chat")
    card.get_by_role("button", name="Confirm", exact=True).click()
    expect(chat.locator(".wb-card-done")).to_contain_text("대기")
    refused = say(chat, "set the batch to 99999999")
    refused.get_by_role("button", name="Take 65536").click()
    expect(chat.locator(".wb-by-form .wb-change")).to_contain_text("65536")
    expect(chat.locator("code")).to_have_text("chat.edit(batch=65536)")
    page.screenshot(path=shots / "chat-long.png")


@pytest.mark.heavy
def test_the_form_and_the_chat_are_one_config(lab: Lab, page: Page, shots: Path, tmp_path: Path) -> None:
    beside = "form = config_form(ws, chat, lang='en')\nipywidgets.VBox([chat, form])"
    chat = opened(lab, page, tmp_path, beside)
    form = page.locator(".wb-form").first
    say(chat, "epochs 50")
    epochs = form.get_by_label("epochs", exact=True)
    expect(epochs).to_have_value("50")
    epochs.fill("70")
    epochs.press("Enter")
    expect(chat.locator(".wb-by-form .wb-change").last).to_contain_text("70")
    epochs.fill("0")
    epochs.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Legal: a whole number from 1 to 100000")
    page.screenshot(path=shots / "form.png")
    form.get_by_role("alert").scroll_into_view_if_needed()
    page.screenshot(path=shots / "form-fault.png")
    form.get_by_role("button", name="Undo", exact=True).click()
    expect(epochs).to_have_value("50")
    page.locator(".wb-form-bar").scroll_into_view_if_needed()
    page.locator(".wb-form-group").nth(1).scroll_into_view_if_needed()
    page.screenshot(path=shots / "form-wide.png")
    form.get_by_label("Search").fill("warmup")
    expect(form.get_by_label("(warmup_epochs)")).to_be_visible()
    form.get_by_label("Search").press("Enter")
    check_access(page, ".wb-form")
    page.screenshot(path=shots / "form-search.png")


SLOW = """
import threading
from workbench.chat.turn import TurnProposal, Understood, Usage

class Words:
    text, fallback, usage = "", "", Usage(7, 5, 2)
    def __init__(self, gate): self.gate, self.pieces = gate, iter(["They are ", "very bright ", "<b>cores</b>."])
    def __iter__(self): return self
    def __next__(self):
        piece = next(self.pieces)
        self.gate.acquire()
        self.text += piece
        return piece

class Slow:
    gate = threading.Semaphore(0)
    def understand(self, text, situation):
        proposal = TurnProposal(intent="explain", about=("quasars",))
        return Understood(proposal, engine="gemini", usage=Usage(70, 5, 2), sent={"text": text, "changed": {}})
    def prose(self, text, situation, spent_s=0.0): return Words(self.gate)

chat.conversation.engine = Slow()
chat
"""


@pytest.mark.heavy
def test_an_answer_that_takes_long_blocks_nobody_and_its_words_show_as_they_come(
    lab: Lab, page: Page, shots: Path, tmp_path: Path
) -> None:
    chat = opened(lab, page, tmp_path, SLOW, "Slow.gate.release()", more=", lang='en'")
    field = chat.locator("textarea")
    field.fill("what are quasars?")
    field.press("Enter")
    expect(chat.locator(".wb-going blockquote")).to_contain_text("They are")
    expect(field).to_be_focused()
    field.press_sequentially("and then")
    expect(field).to_have_value("and then")
    chat.get_by_role("button", name="Sessions").click()  # others are answered meanwhile
    expect(chat.locator(".wb-sessions li")).to_have_count(1)
    page.keyboard.press("Escape")
    page.screenshot(path=shots / "chat-streaming.png")
    lab_cell(page, "for _ in range(2): Slow.gate.release()")
    expect(chat.locator(".wb-own-words blockquote")).to_have_text("They are very bright <b>cores</b>.")
    expect(chat.locator(".wb-own-words figcaption")).to_contain_text("In Gemini's words")
    expect(chat.locator(".wb-meta").last).to_contain_text("91 tokens")
    chat.get_by_text("What is sent", exact=True).click()
    chat.locator(".wb-sent details summary").click()
    expect(chat.locator(".wb-sent pre")).to_contain_text('"text": "what are quasars?"')
    page.screenshot(path=shots / "chat-sent.png")


def lab_cell(page: Page, code: str) -> None:
    """Run code in the notebook's kernel, without a cell."""
    kernel = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    page.evaluate(f"(code) => {{ {kernel}.requestExecute({{code}}); return null; }}", code)


@pytest.mark.heavy
def test_keys_sessions_and_another_writer_on_a_phone_in_the_dark(
    lab: Lab, page: Page, shots: Path, tmp_path: Path
) -> None:
    lab.set_theme(dark=True)
    try:
        page.set_viewport_size(dict(NARROW))
        chat = opened(lab, page, tmp_path, "chat", FORM.replace("'en'", "'ko'"), more=", lang='ko'")
    finally:
        lab.set_theme(dark=False)
    field = chat.locator("textarea")
    say(chat, "에폭 50, 모델은 yolo26s")
    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    field.fill("배치 8")
    field.evaluate(
        "(e) => e.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))"
    )
    expect(field).to_have_value("배치 8")
    field.fill("   ")
    field.press("Enter")
    field.fill("")
    field.press("ArrowUp")
    expect(field).to_have_value("에폭 50, 모델은 yolo26s")
    field.fill("")
    expect(chat.locator(".wb-turn")).to_have_count(1)
    say(chat, "학습 시작해줘")
    page.screenshot(path=shots / "chat-dark-400.png")
    chat.locator(".wb-log").focus()
    page.keyboard.press("1")
    expect(chat.locator(".wb-card")).to_contain_text("helmets")
    lab_cell(page, "ws.chat('imgsz 320')")
    expect(chat.locator(".wb-turn").last).to_contain_text("320")
    page.screenshot(path=shots / "chat-dark-400b.png")
    check_access(page, ".wb-chat")
    chat.get_by_role("button", name="세션").click()
    chat.get_by_role("button", name="새 세션").click()
    expect(chat.locator(".wb-turn")).to_have_count(0)
    chat.get_by_role("button", name="세션").click()
    rows = chat.locator(".wb-sessions li")
    expect(rows).to_have_count(2)
    rows.nth(0).get_by_role("button", name="이름 바꾸기").click()
    rows.nth(0).locator("input").fill("밤샘")
    rows.nth(0).get_by_role("button", name="저장").click()
    expect(chat.locator(".wb-session")).to_have_text("밤샘")
    with page.expect_download() as download:
        chat.locator(".wb-sessions li").nth(1).get_by_role("button", name="내보내").click()
    assert "yolo26s" in Path(download.value.path()).read_text(encoding="utf-8")
    rows.nth(0).get_by_role("button", name="삭제").click()
    page.screenshot(path=shots / "chat-dark-sessions.png")
    rows.nth(0).get_by_role("button", name="삭제").click()
    expect(chat.locator(".wb-turn")).to_have_count(4)
    page.keyboard.press("Escape")
    page.locator(".wb-form-group").nth(1).scroll_into_view_if_needed()
    page.screenshot(path=shots / "form-dark-400.png")
    check_access(page, ".wb-form")
