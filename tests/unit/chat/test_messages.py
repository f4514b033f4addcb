"""The catalogue: whole in both languages, with the right particles, and figures as people write them."""

from __future__ import annotations

import re
import string

import pytest

from workbench.chat import messages
from workbench.chat.judge import NOTE_KEYS, REASONS
from workbench.chat.messages.particles import attach, ending
from workbench.chat.messages.reader import texts
from workbench.chat.turn import ACTIONS, DEPLOYMENT_KINDS, INTENTS
from workbench.config import limits
from workbench.errors import UnknownNameError

HANGUL = re.compile("[가-힣]")


def _places(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_texts_but_for_documents_that_english_takes_from_the_config():
    own = {key for key in texts("ko") if key.startswith("doc.")}
    assert set(texts("ko")) - own == set(texts("en"))
    assert own == {f"doc.{name}" for name in limits.fields()}


def test_a_text_has_the_same_places_in_both_languages():
    differing = {
        key: (found, _places(other))
        for key, text in texts("en").items()
        if isinstance(text, str)
        and isinstance(other := texts("ko")[key], str)
        and (found := _places(text)) != _places(other)
    }
    assert differing == {}


def test_no_korean_stands_in_the_english_texts():
    assert [key for key, text in texts("en").items() if HANGUL.search(str(text))] == []


def test_korean_texts_are_korean_where_they_are_sentences():
    untranslated = [
        key
        for key, text in texts("ko").items()
        if re.search("[a-z]+ [a-z]+ [a-z]+", str(text)) and not HANGUL.search(str(text))
    ]
    assert untranslated == []


def test_no_text_is_empty():
    assert [key for lang in ("en", "ko") for key, text in texts(lang).items() if not text] == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_field_has_a_label_and_a_document(language):
    for name in limits.fields():
        text = messages.field(name, language)
        assert text.label, name
        assert bool(HANGUL.search(text.doc)) == (language == "ko"), name


def test_no_two_fields_are_called_the_same():
    for language in ("en", "ko"):
        labels = [messages.field(name, language).label for name in limits.fields()]
        assert len(set(labels)) == len(labels)


def test_a_field_that_is_newer_than_the_catalogue_bears_its_own_name():
    assert messages.field("brand_new", "ko") == messages.FieldText("brand_new", "")


def test_a_field_is_named_with_its_key_unless_that_is_its_label():
    assert messages.named("epochs", "en") == "epochs"
    assert messages.named("lr0", "en") == "learning rate (lr0)"
    assert messages.named("lr0", "ko") == "초기 학습률(lr0)"


def test_everything_that_the_judge_says_has_words():
    silent = [
        key for key in (*(f"refusal.{r}" for r in REASONS), *(f"note.{n}" for n in NOTE_KEYS)) if not messages.has(key)
    ]
    assert silent == []


def test_everything_that_is_labelled_has_a_label():
    wanted = [
        *(f"label.intent.{name}" for name in INTENTS),
        *(f"label.task.{name}" for name in limits.TASKS),
        *(f"label.deployment.{name}" for name in DEPLOYMENT_KINDS),
        *(f"card.{name}" for name in ACTIONS),
        *(f"owned.{name}" for name in limits.OWNED),
        *(f"note.no_run_to_{name}" for name in ACTIONS if name != "start"),
    ]
    assert [key for key in wanted if not messages.has(key)] == []


def test_a_key_that_is_not_there_is_refused_with_the_closest():
    with pytest.raises(UnknownNameError, match=r"reply\.nothing"):
        messages.say("reply.nothin", "en")


def test_a_place_without_a_value_is_refused():
    with pytest.raises(UnknownNameError, match="words"):
        messages.say("reply.unknown", "en")


def test_a_value_is_never_filled_in_again():
    assert (
        messages.say("reply.unknown", "en", words="{0.__class__} {words}")
        == "I do not know what “{0.__class__} {words}” is."
    )


def test_plurals_follow_their_number():
    assert messages.say("reply.done_many", "en", count=1) == "1 change:"
    assert messages.say("reply.done_many", "en", count=1200) == "1,200 changes:"


def test_a_particle_follows_the_closing_quotation_mark():
    said = messages.say("refusal.unknown_field", "ko", name="batchsize")
    assert said == "“batchsize”라는 설정은 없습니다."


@pytest.mark.parametrize(
    ("word", "particle", "expected"),
    [
        ("배치", "을", "배치를"),
        ("학습률", "은", "학습률은"),
        ("서울", "으로", "서울로"),
        ("장", "로", "장으로"),
        ("모델(model)", "을", "모델(model)을"),
        ("혼합 정밀도(amp)", "이", "혼합 정밀도(amp)가"),
        ("640", "으로", "640으로"),
        ("81", "으로", "81로"),
        ("0.002", "은", "0.002는"),
        ("16", "이", "16이"),
        ("SGD", "은", "SGD는"),
        ("yolo26n.pt", "로", "yolo26n.pt로"),
        ("yolo26l", "을", "yolo26l을"),
        ("ONNX", "로", "ONNX로"),
        ("VRAM", "이", "VRAM이"),
        ("model", "과", "model과"),
        ("epochs", "을", "epochs를"),
        ("pipeline", "은", "pipeline은"),
        ("“helmets”", "이라는", "“helmets”라는"),
        ("켬", "이에요", "켬이에요"),
        ("", "을", "를"),
        ("!?", "은", "!?는"),
        ("🙂", "은", "🙂는"),
    ],
)
def test_particles_follow_how_a_word_is_read(word, particle, expected):
    assert attach(word, particle) == expected


def test_a_remark_in_brackets_is_not_read():
    assert ending("배치(batch)") == ending("배치") == "vowel"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0025, "0.0025"),
        (0.0001, "0.0001"),
        (0.00001, "1e-5"),
        (2.5e-7, "2.5e-7"),
        (0.1 + 0.2, "0.3"),
        (3.0, "3"),
        (640, "640"),
        (-0.0, "0"),
        (-5, "-5"),
        (1e15, "1e15"),
        (float("nan"), "nan"),
        (10**400, "1e400"),
    ],
)
def test_figures_are_written_for_people(value, expected):
    assert messages.figure(value) == expected


@pytest.mark.parametrize(
    ("field", "value", "english", "korean"),
    [
        ("time", None, "no limit", "제한 없음"),
        ("time", 1.5, "1.5 h", "1.5시간"),
        ("batch", -1, "auto (-1)", "자동(-1)"),
        ("batch", 0.8, "80% of GPU memory", "GPU 메모리의 80%"),
        ("batch", 16, "16", "16"),
        ("patience", 0, "0 (no early stopping)", "0(조기 종료 없음)"),
        ("mosaic", 0.0, "0", "0"),
        ("mosaic", 0.5, "0.5", "0.5"),
        ("cos_lr", True, "on", "켬"),
        ("freeze", None, "nothing frozen", "고정 안 함"),
        ("freeze", (0, 1), "[0, 1]", "[0, 1]"),
        ("data", "", "none", "없음"),
        ("model", "yolo26n.pt", "yolo26n.pt", "yolo26n.pt"),
        ("degrees", 10.0, "10°", "10°"),
    ],
)
def test_values_are_called_what_they_mean(field, value, english, korean):
    assert messages.shown(field, value, "en") == english
    assert messages.shown(field, value, "ko") == korean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what is early stopping?", ("early_stopping",)),
        ("what's the difference between map50 and map50-95?", ("map",)),
        ("what is map50-95?", ("map",)),
        ("과적합이 뭐야? 클래스 불균형은?", ("overfitting", "class_imbalance")),
        ("onnx랑 tensorrt 차이", ("onnx", "tensorrt")),
        ("does batch size and memory matter", ("batch_memory",)),
        ("the amplifier is loud", ()),
        ("bf161 fp1600", ()),
        ("", ()),
    ],
)
def test_concepts_are_found_by_the_words_that_name_them(text, expected):
    assert messages.concepts_in(text) == expected


def test_no_word_names_two_concepts():
    words = [word.casefold() for each in messages.concepts().values() for word in each]
    assert sorted(words) == sorted(set(words))
