"""The form without a browser: it and the conversation are one config."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny import data_yaml
from workbench.chat.conversation import Conversation
from workbench.chat.rules import RulesEngine
from workbench.config import limits
from workbench.errors import RequestError
from workbench.widgets.chat import chat_view
from workbench.widgets.form import ConfigForm, config_form
from workbench.widgets.form_rows import FieldRow
from workbench.widgets.state.form import FormState, groups
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

WAIT_S = 5.0


@pytest.fixture
def helmets(workspace: Workspace, tmp_path: Path) -> None:
    workspace.datasets.add(data_yaml(tmp_path / "helmets", images=2), name="helmets")


@pytest.fixture
def conversation(workspace: Workspace) -> Conversation:
    return workspace.conversations.open("form", engine="rules")


@pytest.fixture
def form(workspace: Workspace, conversation: Conversation) -> Iterator[ConfigForm]:
    made = config_form(workspace, conversation, lang="en")
    yield made
    made.close()


@pytest.fixture
def state(workspace: Workspace, conversation: Conversation) -> FormState:
    return FormState(workspace, conversation, "en")


def row(form: ConfigForm, name: str) -> FieldRow:
    form._row(name)
    return form._rows[name]


def test_every_field_that_can_be_chosen_stands_in_one_group() -> None:
    names = [name for group in groups() for name in group.fields]
    assert len(names) == len(set(names))
    assert set(names) == set(limits.fields()) - set(limits.OWNED)
    assert groups()[0].fields[:3] == ("task", "model", "data")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_field_has_a_label_a_document_and_a_control_that_gives_its_value_back(
    workspace: Workspace, conversation: Conversation, language: str
) -> None:
    state = FormState(workspace, conversation, "ko" if language == "ko" else "en")
    for group in groups():
        for name in group.fields:
            field = state.field(name)
            assert field.label
            assert field.doc
            assert state.set(name, field.raw) is None, name


def test_an_edit_is_a_turn_of_the_conversation_as_what_it_is(form: ConfigForm, conversation: Conversation) -> None:
    row(form, "epochs").control.value = "70"
    (turn,) = conversation.turns()
    assert (turn.by, turn.changes[0].field, turn.changes[0].after) == ("form", "epochs", 70)
    assert form.config.epochs == 70
    assert "conversation.edit({&#x27;epochs&#x27;: 70})" in form._python.value


def test_a_value_out_of_range_is_explained_at_its_field_and_the_nearest_one_is_a_click_away(form: ConfigForm) -> None:
    epochs = row(form, "epochs")
    epochs.control.value = "0"
    assert epochs.fault is not None
    assert epochs.fault.text == (
        "Epochs cannot be 0. Legal: a whole number from 1 to 100000. The nearest legal value is 1. It stays 100."
    )
    assert (form.config.epochs, epochs.control.value) == (100, "0")
    epochs.widget.children[1].children[1].click()
    assert (form.config.epochs, epochs.control.value, epochs.fault) == (1, "1", None)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("batch", "-1", -1),
        ("batch", "0.8", 0.8),
        ("time", "", None),
        ("scale", "[0.5, 1.5]", (0.5, 1.5)),
        ("device", "cpu", "cpu"),
        ("device", "", None),
        ("cache", "ram", "ram"),
        ("cos_lr", True, True),
        ("data", "my helmets", "my helmets"),
        ("model", "yolo26s.pt", "yolo26s.pt"),
        ("lr0", "1e-3", 0.001),
    ],
)
def test_what_stands_in_a_control_is_read_as_what_it_means(
    state: FormState, conversation: Conversation, name: str, raw: object, value: object
) -> None:
    turn = state.set(name, raw)
    assert conversation.draft.values[name] == value
    assert turn is None or not turn.refusals
    assert state.set(name, state.field(name).raw) is None


def test_what_was_said_stands_in_the_form_at_once_with_where_it_comes_from(
    workspace: Workspace,
) -> None:
    chat = chat_view(workspace, "both")
    form = config_form(workspace, chat, lang="en")
    try:
        chat.say("에폭 50")
        epochs = row(form, "epochs")
        assert epochs.control.value == "50"
        assert "you" in epochs._badge.value
        assert "에폭 50" in epochs._badge.value
        chat.model.go_to("another")
        assert row(form, "epochs").control.value == "100"
        assert form.conversation is chat.conversation
    finally:
        form.close()
        chat.close()


def test_a_change_by_another_process_shows_by_itself(form: ConfigForm, conversation: Conversation) -> None:
    epochs = row(form, "epochs")
    Conversation(conversation.path, RulesEngine()).say("epochs 33")
    deadline = time.monotonic() + WAIT_S
    while epochs.control.value != "33" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert epochs.control.value == "33"


def test_undo_and_redo_are_those_of_the_conversation(form: ConfigForm, conversation: Conversation) -> None:
    assert form._undo.disabled
    row(form, "epochs").control.value = "70"
    conversation.say("batch 8")
    form.refresh()
    form._undo.click()
    assert conversation.draft.changes() == {"epochs": 70}
    form._redo.click()
    assert conversation.draft.changes() == {"epochs": 70, "batch": 8}


def test_a_field_goes_back_to_its_default_by_its_button(form: ConfigForm) -> None:
    epochs = row(form, "epochs")
    assert len(epochs._line.children) == 2
    epochs.control.value = "70"
    epochs._line.children[2].click()
    assert (form.config.epochs, epochs.control.value) == (100, "100")


def test_the_fields_of_a_group_are_made_when_it_is_opened(form: ConfigForm) -> None:
    assert set(form._rows) == set(groups()[0].fields)
    form._headers["Run policy"].value = True
    assert "attempts" in form._rows


def test_a_search_finds_fields_by_name_in_both_languages_and_the_filter_what_was_changed(form: ConfigForm) -> None:
    form._search.value = "학습률"
    assert row(form, "lr0").widget is form._found.children[0]
    form._search.value = ""
    form._only.value = True
    assert "Nothing differs" in form._found.children[0].value
    form.conversation.say("mosaic 0.5")
    form.refresh()
    assert form._found.children == (row(form, "mosaic").widget,)


def test_models_are_those_of_the_task_and_datasets_those_of_the_workspace(helmets: None, state: FormState) -> None:
    models = dict(state.field("model").options)
    assert "yolo26n.pt" in models
    assert "yolo26n-seg.pt" not in models
    assert state.field("data").options == (("none", ""), ("helmets (detect, 3)", "helmets"))
    state.set("task", "segment")
    assert "yolo26n-seg.pt" in dict(state.field("model").options)


def test_a_form_that_only_shows_changes_nothing(workspace: Workspace, conversation: Conversation) -> None:
    form = config_form(workspace, conversation, lang="en", readonly=True)
    epochs = row(form, "epochs")
    assert epochs.control.disabled
    epochs.control.value = "70"
    form._undo.click()
    assert conversation.turns() == ()
    form.close()


def test_an_unknown_language_is_refused(workspace: Workspace, conversation: Conversation) -> None:
    with pytest.raises(RequestError, match="'fr'"):
        config_form(workspace, conversation, lang="fr")
