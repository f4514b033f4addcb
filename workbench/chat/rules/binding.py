"""From clauses to changes: which number, word or switch belongs to which field.

What lives here: the binding of a turn, clause by clause, from left to right. What does not: datasets and models
(``resolving``), what is legal (``judge``). A number goes to the field that its unit names, else to the field before it
in its clause, else to the one after it (``pairing``); a number without a field goes to the field that was corrected,
told of, or asked for just before (``references``). What cannot be bound is not guessed: it is left out, or asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workbench.chat.rules import amounts, patterns, switching
from workbench.chat.rules.bound import EPOCH_FIELDS, VALUES, Bound, fields_of, takes_number
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.pairing import pairs_of
from workbench.chat.rules.references import References
from workbench.chat.rules.refusing import values_of
from workbench.chat.rules.sentences import Clause, Sentence
from workbench.chat.rules.switches import Switches
from workbench.chat.turn import Op, Situation

_MOST: Final = 40  # numbers of a clause: more of them are no request
_USE_THAT: Final = patterns.read("binding", "use_that")
_CLOSING: Final = frozenset({"mosaic", "epochs", "close_mosaic"})  # what "mosaic off for the last 20 epochs" names
_SAYING: Final = frozenset({*VALUES, "field"})


class Binder:
    """Binds the clauses of one turn.

    Args:
        line: the text.
        situation: what was said before, and the config.
    """

    def __init__(self, line: Line, situation: Situation) -> None:
        self.bound = Bound(line, situation)
        self._paired: list[str] = []
        self._references, self._switches = References(self.bound), Switches(self.bound)

    def sentence(self, sentence: Sentence) -> None:
        """Bind a sentence that asks for changes."""
        self._switches.begin(sentence)
        if self._listed(sentence):
            return
        self.bound.aside = self.bound.aside or bool(self.bound.ops)  # a new sentence: "batch 32... 12"
        for clause in sentence.clauses:
            if self._references.move(clause, sentence):
                continue
            if clause.story and not self._is_request(clause):
                self._tell(clause)
                self.bound.aside = True
            else:
                self._clause(clause, sentence)
            self.bound.aside = self.bound.aside or not any(each.kind in _SAYING for each in clause.mentions)

    def question(self, sentence: Sentence) -> None:
        """Take note of what a question is about."""
        self.bound.look_at(reversed(fields_of(sentence.mentions)))

    def _listed(self, sentence: Sentence) -> bool:
        """Bind "epochs/batch/imgsz: 45/12/512": as many values as fields, one after the other."""
        said = [mention for mention in sentence.mentions if mention.kind in {"field", "number"}]
        half = len(said) // 2
        fields, numbers = said[:half], said[half:]
        if half < 2 or len(said) % 2 or any(mention.kind != "field" for mention in fields):
            return False
        if any(mention.kind != "number" or mention.unit for mention in numbers):
            return False
        for mention, number in zip(fields, numbers, strict=True):
            clause = next(clause for clause in sentence.clauses if number in clause.mentions)
            self.bound.set(str(mention.value), number, clause)
        return True

    def _is_request(self, clause: Clause) -> bool:
        """Return whether a clause asks although it tells: its last word decides, in either language."""
        marks = [mention for mention in clause.mentions if mention.at("mark", "story", "request", "quote")]
        return bool(marks) and marks[-1].value == "request" and not (clause.denied or clause.has("mark", "quote"))

    def _tell(self, clause: Clause) -> None:
        """Remember the values of a story."""
        pairs, loose = pairs_of(clause, clause.all("number"), self.bound)
        self.bound.look_at(reversed(fields_of(clause.mentions)))
        self._references.tell(loose)
        self.bound.told += pairs

    def _clause(self, clause: Clause, sentence: Sentence) -> None:
        """Bind a clause: first what takes a number by itself, then numbers with fields, then those without."""
        values, refused = values_of(clause, self.bound.line.text)
        if clause.has("mark", "keep"):
            self._keep(clause, values, sentence)
            return
        used = self._closing(clause, values, sentence)
        numbers = [value for value in values[:_MOST] if value not in used]
        if not numbers and not used and self._references.put_same(clause):
            return
        taken = self._numbers(numbers, clause, sentence) | (_CLOSING if used else set())
        self._paired = []
        if clause.has("mark", "both") and not values:
            self._paired = [name for name in fields_of(clause.mentions) if takes_number(name)]
        if any(name in EPOCH_FIELDS for name in taken) and self._counts(clause, numbers):
            taken |= {"epochs"}  # the word was the unit: "a warm-up of 1 epoch"
        self._switches.read(clause, taken)
        if refused:
            self._references.refuse(refused, clause)
        if not values and self.bound.told and _USE_THAT.search(self.bound.line.text, clause.start, clause.end):
            name, number = self.bound.told[-1]
            if not self.bound.said(name):
                self.bound.set(name, number, clause)

    def _numbers(self, numbers: Sequence[Mention], clause: Clause, sentence: Sentence) -> set[str]:
        """Bind the numbers of a clause; return its fields that have got one."""
        pairs, loose = pairs_of(clause, numbers, self.bound)
        for name, number in pairs:
            if not self._references.put_part(name, number, clause):
                self.bound.set(name, number, clause)
        if pairs and clause.joint == "and":
            for name in self._paired:  # "cut both the batch and the rate to a third"
                self.bound.set(name, pairs[-1][1], clause)
        if loose and not pairs and clause.has("mark", "both"):
            loose = self._references.put_both(loose, clause)
        for number in loose:
            meant = self._references.field_of(number, clause, sentence)
            if meant is None:
                self.bound.loose.append(number)
            else:
                self.bound.set(meant, number, clause)
        return {name for name, _ in pairs}

    def _keep(self, clause: Clause, values: Sequence[Mention], sentence: Sentence) -> None:
        """Note the fields that are to stay as they are."""
        named = {member for name in fields_of(clause.mentions) for member in switching.members(name)}
        if sentence.has("mark", "wait"):  # "batch 8... no, leave the batch"
            self.bound.ops = [op for op in self.bound.ops if op.field not in named]
        self.bound.kept |= named - {op.field for op in self.bound.ops}
        # "keep the batch at 16": a value that is said with its field is set, also when it is what it was
        pairs, _ = pairs_of(clause, values, self.bound)
        for name, number in pairs:
            self.bound.kept -= set(switching.members(name))
            self.bound.set(name, number, clause)

    def _closing(self, clause: Clause, values: Sequence[Mention], sentence: Sentence) -> list[Mention]:
        """Bind "mosaic off for the last 20 epochs"."""
        meant = sentence if clause.has("mark", "it") else clause
        if not (clause.has("mark", "last_epochs") and meant.has("field", "mosaic", "close_mosaic")):
            return []
        epochs = clause.all("field", "epochs")
        numbers = [value for value in values if value.kind == "number" or value.value < 1]
        near = [value for value in numbers if any(0 <= each.start - value.end <= 2 for each in epochs)] or numbers
        if not near:
            return []
        chosen = near[0]
        if chosen.kind == "factor" or chosen.unit == "%":
            share = chosen.value / 100 if chosen.unit == "%" else chosen.value
            self.bound.put(Op(field="close_mosaic", value=self._of_epochs(share), evidence=self.bound.quote(chosen)))
        else:
            self.bound.set("close_mosaic", chosen, clause)
        return [chosen]

    def _of_epochs(self, share: float) -> int:
        """Return a share of the epochs, as they are after the changes so far."""
        said = [op.value for op in self.bound.ops if op.field == "epochs" and op.op == "set"]
        epochs = said[-1] if said else self.bound.situation.values["epochs"]
        return round(float(epochs) * share) if isinstance(epochs, (int, float)) else 0

    def _counts(self, clause: Clause, numbers: Sequence[Mention]) -> bool:
        """Return whether a number stands right before the word epochs."""
        text, epochs = self.bound.line.text, clause.all("field", "epochs")
        return any(
            number.end <= word.start and amounts.directly_before(text, number, word)
            for number in numbers
            for word in epochs
        )
