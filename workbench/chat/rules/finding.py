"""Which dataset a sentence means: by name, by place in a list, by what is said of it, or the one spoken of before.

What lives here: the change of ``data``, or the question which one is meant. What does not: holding words against the
texts of datasets (``choosing``), and exact names (``names``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from workbench.chat.context import DatasetFact
from workbench.chat.rules import choosing, patterns
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause, Sentence
from workbench.chat.turn import Op, Option, Question, Situation

_DATASET_NOUN: Final = patterns.read("finding", "dataset_noun")
_CHOOSE: Final = patterns.read("finding", "choose")
_THAT_DATASET: Final = patterns.read("finding", "that_dataset")
_BY_SIZE: Final = patterns.read("finding", "by_size")
_REFUSED_AFTER: Final = re.compile(r"(?:으로|로|은|는)? ?(?:말고|빼고)")
_NO_CHOICE: Final = patterns.read("finding", "no_choice")
_OTHER: Final = patterns.read("finding", "other")
_TAKE: Final = patterns.read("finding", "take")
_MAKING: Final = patterns.read("finding", "making")
_ORDINAL: Final = patterns.read("finding", "ordinal")
_CODE: Final = patterns.read("finding", "code")
_DATA_FILE: Final = re.compile(r"\.ya?ml$")
_NUMBERED: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*[-_]v?\d+(?![\w-])")
_PLAIN_NAME: Final = re.compile(r"[\w.-]+")
_OTHERS: Final = frozenset({"action", "format", "deployment", "number", "optimizer", "size"})
_DESCRIBING: Final = frozenset({"mark", "cue", "wish", "size", "deployment"})  # "the small one from the harbour"
_PLACES: Final[Mapping[str, int]] = {
    **dict.fromkeys(("first", "첫"), 0),
    **dict.fromkeys(("second", "두"), 1),
    **dict.fromkeys(("third", "세"), 2),
    **dict.fromkeys(("fourth", "네"), 3),
    **dict.fromkeys(("last", "마지막"), -1),
}
_BUTTONS: Final = 4
_SURE: Final = 0.45  # score of a dataset that is taken without asking
_FEW: Final = 3  # words that may be said of a dataset when nothing else shows that one is wanted


class Finder:
    """Finds the dataset that the sentences of one turn mean.

    Args:
        line: the text.
        situation: the config, and what may be talked about.

    Attributes:
        op: the change, once one is meant.
        question: which one is meant, when that is open.
        spoken: the dataset that a question of this turn was about.
    """

    def __init__(self, line: Line, situation: Situation) -> None:
        self.line, self.situation = line, situation
        self.op: Op | None = None
        self.question: Question | None = None
        self.spoken: str | None = None

    def sentence(self, sentence: Sentence, refused: Callable[[Mention, Clause], bool], task: str) -> None:
        """Read a sentence that asks for changes.

        Args:
            sentence: see there.
            refused: whether a value of a clause is what is not wanted.
            task: that the person wants, where one was said.
        """
        if (
            self._by_name(sentence, refused)
            or self._by_place(sentence)
            or self._means_the_last(sentence)
            or self._by_size(sentence)
            or self._by_exclusion(sentence)
            or self.op is not None
        ):
            return
        words = self._content(sentence)
        datasets = self._datasets_to_choose_from(words)
        unasked = sentence.has("dataset") and _NO_CHOICE.search(sentence.text)  # "describe the dataset parts"
        if datasets and words and not unasked:
            self._describe(sentence, words, datasets, task)

    def answers(self, sentence: Sentence) -> bool:
        """Return whether a sentence says something of the datasets that a question of ours offers."""
        names = self._offered or ()
        offered = [dataset for dataset in self.situation.context.datasets if dataset.name in names]
        return bool(choosing.choose(self._content(sentence), offered).names)

    def find(self, sentence: Sentence) -> str | None:
        """Return the dataset that a question is about, if it is about one."""
        named = sentence.all("dataset")
        if named:
            return str(named[-1].value)
        if not (sentence.has("field", "data") or sentence.has("wish", "list_datasets")):
            return None
        datasets = self.situation.context.datasets
        task = next((mention.value for mention in sentence.all("task")), "")
        fitting = [dataset.name for dataset in datasets if dataset.task == task]
        names = fitting if len(fitting) == 1 else choosing.choose(self._content(sentence), datasets).names
        return names[0] if len(names) == 1 else None

    def _by_name(self, sentence: Sentence, refused: Callable[[Mention, Clause], bool]) -> bool:
        """Read an exact name; one of strange characters only where something is chosen in so many words."""
        named = [
            mention
            for clause in sentence.clauses
            if not clause.story
            for mention in clause.all("dataset")
            if not refused(mention, clause)
        ]
        if not named or _NO_CHOICE.search(sentence.text):
            return False
        name = str(named[-1].value)
        is_plain = _PLAIN_NAME.fullmatch(name) or _DATA_FILE.search(name)
        if not (is_plain or _TAKE.search(sentence.text) or sentence.has("field", "data")):
            return False
        self._put_data(name, self.line.quote(named[-1].start, named[-1].end))
        return True

    @property
    def _offered(self) -> list[str] | None:
        """The datasets on the buttons under a question of ours; ``None`` when none was asked for."""
        pending = self.situation.memory.pending
        if pending is None or pending.kind != "dataset":
            return None
        return [str(op.value) for option in pending.options for op in option.ops if op.field == "data"]

    def _by_place(self, sentence: Sentence) -> bool:
        """Read "the second one" of a list, or of the buttons under a question."""
        match, names = _ORDINAL.search(sentence.text), self._offered
        if names is None and self.situation.memory.intent == "list_datasets":
            names = [dataset.name for dataset in self.situation.context.datasets]
        if not names or match is None or sentence.has("field", "epochs", "batch", "imgsz", "freeze"):
            return False
        place = _PLACES[match["english"] or match["korean"]]
        if place >= len(names):
            return False
        self._put_data(names[place], match[0])
        return True

    def _means_the_last(self, sentence: Sentence) -> bool:
        """Read "that dataset", "그 데이터로": the one that was spoken of."""
        name = self.spoken or self.situation.memory.dataset
        match = _THAT_DATASET.search(sentence.text)
        if name is None or match is None or self.situation.context.dataset(name) is None:
            return False
        if _REFUSED_AFTER.match(sentence.text[match.end() :]):
            return False  # "그거 말고"
        if self._content(sentence, only=sentence.start + match.start()):
            return False
        self._put_data(name, match[0])
        return True

    def _by_size(self, sentence: Sentence) -> bool:
        """Read "the one with fewer images" after it was asked which of several is meant."""
        match, names = _BY_SIZE.search(sentence.text), self._offered or ()
        offered = [dataset for dataset in self.situation.context.datasets if dataset.name in names]
        if match is None or not offered or _says_more(sentence):
            return False
        pick = min if match["fewer"] else max
        self._put_data(pick(offered, key=lambda dataset: dataset.images).name, match[0])
        return True

    def _by_exclusion(self, sentence: Sentence) -> bool:
        """Read "not the indoor one" after it was asked which of several is meant: what is left."""
        names = self._offered or []
        refused = [self._refused_part(clause) for clause in sentence.clauses if clause.has("mark", "not")]
        if not refused or self._content(sentence) or _says_more(sentence):
            return False
        offered = [dataset for dataset in self.situation.context.datasets if dataset.name in names]
        unwanted = choosing.choose(choosing.content_words(" ".join(refused)), offered).names
        left = [name for name in names if name not in unwanted]
        if len(left) != 1 or not unwanted:
            return False
        self._put_data(left[0], sentence.text)
        return True

    def _datasets_to_choose_from(self, words: Sequence[str]) -> tuple[DatasetFact, ...]:
        """Return those that were offered, if the words fit any of them, else all."""
        datasets, offered = self.situation.context.datasets, self._offered or ()
        fitting = tuple(dataset for dataset in datasets if dataset.name in offered)
        return fitting if choosing.choose(words, fitting).names else datasets

    def _describe(self, sentence: Sentence, words: Sequence[str], datasets: Sequence[DatasetFact], task: str) -> None:
        """Read what is said of a dataset: "the night one from the harbour"."""
        noun = [mention for mention in sentence.all("field", "data") if not self._is_story(sentence, mention)]
        if _CODE.search(sentence.text) or (sentence.has("action") and not noun and not task):
            return  # "pick up where it left off"
        alone = not _says_more(sentence)
        answering = alone and self._offered is not None
        chosen = self.situation.memory.dataset or self.situation.values.get("data")
        contrast = alone and bool(chosen) and sentence.has("mark", "not")
        pointing = contrast or self._points(sentence)
        making = sentence.has("task") or bool(_MAKING.search(sentence.text))
        if not (noun or answering or pointing or making):
            return
        choice = choosing.choose(words, self._others(datasets) if _OTHER.search(sentence.text) else datasets, task)
        alike = len(choice.names) > 1 and len(choice.words) == len(words)
        if not noun and not answering and not alike and not _certain(choice, words, pointing, task):
            return
        if answering and not noun and len(choice.words) * 2 < len(words):
            return
        if len(choice.names) == 1 and choice.score > _SURE and not self._is_another(sentence, choice.names[0]):
            self._put_data(choice.names[0], self._evidence(sentence, choice.words, noun))
        elif noun or answering or alike:
            self._ask(choice, words, sentence)

    def _is_another(self, sentence: Sentence, name: str) -> bool:
        """Return whether a name is written out that only begins as the one that fits: "parts-2" is not parts."""
        return any(match[0].startswith(f"{name}-") for match in _NUMBERED.finditer(sentence.text))

    def _points(self, sentence: Sentence) -> bool:
        """Return whether the words are said of something that is pointed to, or taken: "the night one"."""
        if _DATASET_NOUN.search(sentence.text) or _OTHER.search(sentence.text):
            return True
        clauses = [clause for clause in sentence.clauses if not clause.has("number")]
        return any(_TAKE.search(self.line.text, clause.start, clause.end) for clause in clauses)

    def _others(self, datasets: Sequence[DatasetFact]) -> Sequence[DatasetFact]:
        """Return the datasets but the one in hand, which "the other gate camera" is not."""
        now = self.situation.values.get("data")
        return [dataset for dataset in datasets if dataset.name != now] or datasets

    def _ask(self, choice: choosing.Choice, words: Sequence[str], sentence: Sentence) -> None:
        if not _CHOOSE.search(sentence.text) and len(words) > _FEW:
            return
        names = choice.names if len(choice.names) > 1 else ()
        self.question = dataset_question(names or [dataset.name for dataset in self.situation.context.datasets])

    def _content(self, sentence: Sentence, only: int | None = None) -> list[str]:
        """Return the words that may say something of a dataset.

        Args:
            sentence: see there.
            only: a place of the line: the words of its clause only.
        """
        parts = []
        for clause in sentence.clauses:
            if clause.story or clause.has("mark", "keep") or not (only is None or clause.start <= only < clause.end):
                continue
            taken = [(mention.start, mention.end) for mention in clause.mentions if not self._may_describe(mention)]
            start, end = self._wanted_part(clause)
            parts.append(choosing.tokens_outside(self.line.text, start, end, taken))
        return choosing.content_words(" ".join(parts))

    def _may_describe(self, mention: Mention) -> bool:
        """Return whether a mention may also be said of a dataset, as a number may where one was asked for: "2023"."""
        if mention.kind == "number":
            return self._offered is not None
        return mention.kind in _DESCRIBING and not mention.at("mark", "story", "request")

    def _wanted_part(self, clause: Clause) -> tuple[int, int]:
        """Return the part of a clause without what is not wanted: "not the welds", "꿀벌 말고"."""
        for mark in clause.all("mark", "not"):
            if self.line.text[mark.start].isascii():
                return clause.start, mark.start
            return mark.end, clause.end
        return clause.start, clause.end

    def _refused_part(self, clause: Clause) -> str:
        """Return the part of a clause that is not wanted."""
        start, end = self._wanted_part(clause)
        return self.line.text[clause.start : start] + self.line.text[end : clause.end]

    def _is_story(self, sentence: Sentence, mention: Mention) -> bool:
        return any(clause.story and mention in clause.mentions for clause in sentence.clauses)

    def _evidence(self, sentence: Sentence, words: Sequence[str], noun: Sequence[Mention]) -> str:
        """Return the person's own words from the first to the last that say which dataset is meant."""
        places = [(self.line.text.find(word, sentence.start), len(word)) for word in words]
        spans = [(place, place + length) for place, length in places if place >= 0]
        if not spans:
            return sentence.text
        spans += [(mention.start, mention.end) for mention in noun[:1]]
        return self.line.quote(min(start for start, _ in spans), max(end for _, end in spans))

    def _put_data(self, name: str, evidence: str) -> None:
        self.op, self.question = Op(field="data", value=name, evidence=evidence), None


def _says_more(sentence: Sentence) -> bool:
    """Return whether a sentence says something that is no matter of datasets."""
    return any(mention.kind in _OTHERS for mention in sentence.mentions)


def _certain(choice: choosing.Choice, words: Sequence[str], pointing: bool, task: str) -> bool:
    """Return whether enough of the words fit one dataset, where nothing else says that one is meant."""
    if len(choice.names) != 1:
        return False
    most = len(choice.words) * 2 >= len(words)
    enough = most if pointing or len(choice.words) > 1 else len(choice.words) == len(words)
    return enough and len(choice.words) >= (1 if pointing or task else 2)


def dataset_question(names: Sequence[str]) -> Question:
    """Return the question which dataset is meant, with a button for each of at most four."""
    options = tuple(Option(label=name, ops=(Op(field="data", value=name),)) for name in names[:_BUTTONS])
    return Question(about=("data",), kind="dataset", options=options)
