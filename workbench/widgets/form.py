"""The config as a form of stock widgets, which changes the same conversation as the chat does.

What lives here: groups, search, undo, and keeping the form and the conversation alike. What does not: what a field is
(``state.form``), and one field's widgets (``form_rows``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as stock

from workbench.errors import RequestError, WorkbenchError
from workbench.widgets.chat import Chat
from workbench.widgets.form_rows import FieldRow
from workbench.widgets.form_style import STYLE
from workbench.widgets.state.chat_following import Follower, stamp
from workbench.widgets.state.form import FormState, Group, groups

if TYPE_CHECKING:
    from workbench.chat.conversation import Conversation
    from workbench.chat.records import Turn
    from workbench.chat.turn import Language
    from workbench.config.schema import TrainingConfig
    from workbench.workspace import Workspace

MOST: Final = 24  # fields that a search shows
_TEXTS: Final = {
    "search": ("Search", "검색"),
    "hint": ("name of a setting, or what it does", "항목 이름이나 설명"),
    "changed": ("Only changed", "바꾼 것만"),
    "undo": ("Undo", "되돌리기"),
    "redo": ("Redo", "다시 하기"),
    "none": ("No setting is like that.", "그런 항목이 없습니다."),
    "none_changed": ("Nothing differs from the defaults.", "기본값과 다른 항목이 없습니다."),
    "more": ("{} more: search for less.", "{}개 더 있습니다. 더 자세히 검색하세요."),
    "python": ("The same in Python", "같은 작업의 Python 코드"),
}


class ConfigForm(stock.VBox):
    """The config of a conversation as a form; ``config_form`` makes it.

    Args:
        workspace: whose datasets and devices can be chosen.
        conversation: whose config it is; that of a chat, when a chat is given, wherever it goes.
        language: of labels and messages.
        readonly: only shows; nothing that a page sends changes anything.
    """

    def __init__(
        self, workspace: Workspace, conversation: Conversation | Chat, language: Language, *, readonly: bool = False
    ) -> None:
        self.readonly = readonly
        self._chat = conversation if isinstance(conversation, Chat) else None
        talked = conversation.conversation if isinstance(conversation, Chat) else conversation
        self._whose = "chat" if self._chat else "conversation"  # in the Python line that is shown
        self._state = FormState(workspace, talked, language)
        self._lock = threading.RLock()  # a change may come from the page and from a thread at once
        self._rows: dict[str, FieldRow] = {}
        self._open: set[str] = set()
        self._search = stock.Text(placeholder=self._say("hint"), description=self._say("search"))
        self._only = stock.ToggleButton(description=self._say("changed"))
        self._undo = self._button("undo", self._taken_back)
        self._redo = self._button("redo", self._done_again)
        self._headers = {group.key: self._header(group) for group in groups()}
        self._groups = {key: stock.VBox([header]) for key, header in self._headers.items()}
        for box in self._groups.values():
            box.add_class("wb-form-group")
        self._found = stock.VBox([])
        self._python = stock.HTML("")
        self._python.add_class("wb-form-python")
        bar = stock.HBox([self._search, self._only, self._undo, self._redo])
        bar.add_class("wb-form-bar")
        self._body = stock.VBox([])
        super().__init__(
            [
                stock.HTML(STYLE, layout={"display": "none"}),
                bar,
                self._body,
                self._python,
            ]
        )
        self.add_class("wb-form")
        self._search.observe(self._filter, "value")
        self._only.observe(self._filter, "value")
        self._headers["essentials"].value = True
        self._filter()
        self._follower = Follower(lambda: stamp(self.conversation.path), self.refresh)
        self._follower.start()
        self.refresh()
        self._leave = self._chat.model.listen(self._moved) if self._chat is not None else lambda: None

    def __repr__(self) -> str:
        return "<ConfigForm>"

    @property
    def conversation(self) -> Conversation:
        """Whose config it is."""
        return self._state.conversation

    @property
    def config(self) -> TrainingConfig:
        """The config as it is now.

        Raises:
            ConfigError: when it is none, e.g. because a newer version has other ranges.
        """
        return self.conversation.draft.config()

    def close(self) -> None:
        """End the form, and following the conversation."""
        self._follower.stop()
        self._leave()
        self._leave = lambda: None
        super().close()

    def refresh(self) -> None:
        """Show what is so now."""
        with self._lock:
            try:
                draft = self.conversation.draft
                self._state.look()
                for name, row in self._rows.items():
                    row.update(self._state.field(name))
            except WorkbenchError as error:
                self._show_problem(error)
                return
            self._undo.disabled = self.readonly or draft.undo() is None
            self._redo.disabled = self.readonly or draft.redo() is None
            changed = draft.changes()
            for group in groups():
                self._headers[group.key].description = self._title(group, changed)
            if self._only.value:
                self._filter()

    def _moved(self) -> None:
        """Go where the chat has gone; and see at once what was done in it."""
        if self._chat is not None and self._chat.conversation is not self.conversation:
            with self._lock:
                self._state.conversation = self._chat.conversation
        self.refresh()

    def _button(self, key: str, act: Callable[[], object]) -> Any:
        button = stock.Button(description=self._say(key), layout={"width": "auto"})
        if not self.readonly:
            button.on_click(lambda _button: act())
        return button

    def _header(self, group: Group) -> Any:
        header = stock.ToggleButton(description=self._title(group, {}))
        header.observe(lambda change: self._fold(group, bool(change["new"])), "value")
        return header

    def _title(self, group: Group, changed: Mapping[str, Any]) -> str:
        count = sum(name in changed for name in group.fields)
        mark = "▾" if group.key in self._open else "▸"
        return f"{mark} {group.title(self._state.language)} ({f'{count}/' if count else ''}{len(group.fields)})"

    def _fold(self, group: Group, opened: bool) -> None:
        """Open or close a group; its fields are made when it is opened first: a hundred at once would take seconds."""
        with self._lock:
            header = self._headers[group.key]
            (self._open.add if opened else self._open.discard)(group.key)
            header.description = self._title(group, self.conversation.draft.changes())
            fields = [self._row(name) for name in group.fields] if opened else []
            self._groups[group.key].children = (header, *fields)

    def _row(self, name: str) -> Any:
        if name not in self._rows:
            field = self._state.field(name)
            wanted = None if self.readonly else partial(self._set, name)
            self._rows[name] = FieldRow(field, self._state.language, wanted, partial(self._reset, name))
        return self._rows[name].widget

    def _filter(self, _change: Any = None) -> None:
        with self._lock:
            query, only = self._search.value.strip(), bool(self._only.value)
            if not query and not only:
                self._body.children = tuple(self._groups.values())
                return
            names = self._state.found(query, changed=only)
            rows = [self._row(name) for name in names[:MOST]]
            left = len(names) - MOST
            told = self._say("more", left) if left > 0 else ""
            if not names:
                told = self._say("none" if query else "none_changed")
            self._found.children = (*rows, *([stock.HTML(f'<p role="status">{escape(told)}</p>')] if told else []))
            self._body.children = (self._found,)

    def _set(self, name: str, raw: Any) -> None:
        def change() -> Turn | None:
            turn = self._state.set(name, raw)
            self._rows[name].explain(self._state.fault(turn, name) if turn is not None else None)
            return turn

        value = self._state.read(name, raw)
        python = f"chat.edit({name}={value!r})" if self._chat else f"conversation.edit({ {name: value}!r})"
        if self._did(change, python) is None:
            with self._lock:
                self._rows[name].update(self._state.field(name))

    def _reset(self, name: str) -> None:
        self._rows[name].explain(None)
        python = f"chat.reset({name!r})" if self._chat else f"conversation.reset(({name!r},))"
        self._did(lambda: self.conversation.reset((name,)), python)

    def _taken_back(self) -> None:
        self._did(self.conversation.undo, f"{self._whose}.undo()")

    def _done_again(self) -> None:
        self._did(self.conversation.redo, f"{self._whose}.redo()")

    def _did(self, work: Callable[[], Turn | None], python: str) -> Turn | None:
        """Do something to the conversation, and show what came of it here and in the chat."""
        with self._lock:
            try:
                turn = work()
            except WorkbenchError as error:
                self._show_problem(error)
                return None
            if turn is not None:
                label = escape(self._say("python"))
                self._python.value = f"{label} <code>{escape(python)}</code>"
            self.refresh()
        if self._chat is not None and turn is not None:
            self._chat.model.refresh()
        return turn

    def _show_problem(self, error: WorkbenchError) -> None:
        beats = " ".join(filter(None, (error.happened, error.expected, error.todo)))
        self._python.value = f'<div role="alert" class="wb-form-fault">{escape(beats)}</div>'

    def _say(self, key: str, *values: Any) -> str:
        return _TEXTS[key][self._state.language == "ko"].format(*values)


def config_form(
    ws: Workspace, conversation: Conversation | Chat, *, lang: str = "auto", readonly: bool = False
) -> ConfigForm:
    """Show the config of a conversation as a form.

    Args:
        ws: the workspace.
        conversation: whose config it is; a chat, to go along with it to other sessions.
        lang: ``en``, ``ko``, or ``auto`` for the language of the last turn.
        readonly: only shows it; so it is beside a chat that only shows.

    Raises:
        RequestError: when there is no such language.
    """
    chat = conversation if isinstance(conversation, Chat) else None
    talked = chat.conversation if chat else conversation
    shows = readonly or (chat is not None and chat.model.readonly)
    return ConfigForm(ws, conversation, _language(lang, talked), readonly=shows)


def _language(lang: str, conversation: Conversation) -> Language:
    known: dict[str, Language] = {"en": "en", "ko": "ko", "auto": conversation.memory.language}
    if lang in known:
        return known[lang]
    raise RequestError(f"There is no language '{lang}' for a form.", "One of en, ko, auto.", "Choose one of these.")
