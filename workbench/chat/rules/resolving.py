"""Values that are words: models, tasks, optimizers, devices.

What lives here: the changes that they make. What does not: numbers (``binding``), datasets (``finding``). Values that
are named to be refused ("SGD 말고 AdamW") or told of in a story are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from workbench.chat.context import Context
from workbench.chat.rules import lexicon, patterns
from workbench.chat.rules.finding import Finder
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause, Sentence
from workbench.chat.turn import Op, Situation

_STEPS: Final = {"up": 1, "down": -1}
_NAMED: Final = patterns.read("resolving", "named")
_NUMBERED: Final = patterns.read("resolving", "numbered")
_DESCRIBED_AFTER: Final = patterns.read("resolving", "described_after")
_DESCRIBED_BEFORE: Final = patterns.read("resolving", "described_before")
_GPU_AFTER: Final = patterns.read("resolving", "gpu_after")
_GPU_BEFORE: Final = patterns.read("resolving", "gpu_before")
_GPU_MEMORY: Final = patterns.read("resolving", "gpu_memory")
_MODEL_WORD: Final = patterns.read("resolving", "model_word")
_NEAR: Final = 12  # characters
_NUMBERS: Final = {"first": "0", "second": "1", "third": "2"}
_SCRATCH: Final = patterns.read("resolving", "scratch")
_PRETRAINED: Final = patterns.read("resolving", "pretrained")
_SIZED: Final = re.compile(r"yolo(?:e-)?v?\d+[nsmlxtceb](?:-[a-z]+)?")
_FAMILY: Final = re.compile(r"yolo(?:e-)?v?\d+")


class Resolver:
    """Finds the words that are values in the sentences of one turn.

    Args:
        line: the text.
        situation: the config, and what may be talked about.
    """

    def __init__(self, line: Line, situation: Situation) -> None:
        self.line, self.situation = line, situation
        self.finder = Finder(line, situation)
        self._ops: list[Op] = []
        self._task = ""
        self._told: Mention | None = None  # a device that a story spoke of

    @property
    def ops(self) -> tuple[Op, ...]:
        """The changes so far."""
        return (*self._ops, self.finder.op) if self.finder.op is not None else tuple(self._ops)

    def sentence(self, sentence: Sentence, refused: Callable[[Mention, Clause], bool]) -> None:
        """Read a sentence that asks for changes.

        Args:
            sentence: see there.
            refused: whether a value of a clause is what is not wanted.
        """
        for clause in sentence.clauses:
            if clause.story and clause.has("device"):
                self._told = clause.all("device")[-1]
            if clause.story or (clause.has("mark", "keep") and not clause.has("dataset")):
                continue
            chosen = [mention for mention in clause.mentions if not refused(mention, clause)]
            self._words(chosen, clause)
            self._models(chosen, clause)
        self.finder.sentence(sentence, refused, self._task)

    def words(self, sentence: Sentence) -> None:
        """Read the values of a sentence that only supposes them: "is SGD okay?"."""
        for clause in sentence.clauses:
            self._words(clause.mentions, clause)

    def _models(self, mentions: Sequence[Mention], clause: Clause) -> None:
        model, size, step, task = (_last(mentions, kind) for kind in ("model", "size", "size_step", "task"))
        if model is not None:
            value, parts = str(model.value), [model]
            if size is not None and _FAMILY.fullmatch(value):
                value, parts = f"{value}{size.value}", [model, size]
            self._put("model", value + self._ending(value, clause), *parts)
        elif step is not None and self._is_model_step(step, clause):
            self._put("model", _STEPS.get(step.value, step.value), step, op="add")
        elif size is not None and self._is_model_size(size):
            self._put("model", str(size.value), size)
        if task is not None:
            self._task = str(task.value)
            self._put("task", self._task, task)

    def _ending(self, value: str, clause: Clause) -> str:
        """Return ``.yaml`` for "from scratch", ``.pt`` for "pretrained", nothing where neither is said."""
        if not _SIZED.fullmatch(value):
            return ""
        words = self.line.text[clause.start : clause.end]
        return ".yaml" if _SCRATCH.search(words) else ".pt" if _PRETRAINED.search(words) else ""

    def _is_model_step(self, step: Mention, clause: Clause) -> bool:
        """Return whether "a size up" is the model's: not when the clause is about another field."""
        pending = self.situation.memory.pending
        if pending is not None and pending.kind == "dataset" and not clause.has("field", "model"):
            return False  # "the larger one" of two datasets
        words = self.line.text[step.start : step.end]
        others = [mention for mention in clause.all("field") if mention.value not in {"model", "epochs"}]
        return not others or bool(_MODEL_WORD.search(words))

    def _is_model_size(self, size: Mention) -> bool:
        """Return whether "small" is the model: not when it describes a batch, or images."""
        after = self.line.text[size.end : size.end + _NEAR]
        before = self.line.text[max(0, size.start - _NEAR) : size.start]
        return not _DESCRIBED_AFTER.match(after) and not _DESCRIBED_BEFORE.search(before)

    def _words(self, mentions: Sequence[Mention], clause: Clause) -> None:
        optimizer = _last(mentions, "optimizer")
        if optimizer is not None:
            self._put("optimizer", str(optimizer.value), optimizer)
        else:
            self._unknown_optimizer(mentions, clause)
        device = _last(mentions, "device") or self._told_device(clause)
        if device is not None and not clause.has("cue", "off"):
            self._put("device", _device(str(device.value), self.situation.context), device)
        elif device is None:
            self._plain_gpu(clause)

    def _told_device(self, clause: Clause) -> Mention | None:
        """Read "GPU 1 is free, use that", and "move it to 1번" when the device was spoken of."""
        if self._told is not None and clause.has("mark", "it") and clause.has("mark", "request"):
            return self._told
        match = _NUMBERED.search(self.line.text, clause.start, clause.end)
        spoken = self._told is not None or self.situation.memory.focus[:1] == ("device",)
        if match and spoken and not clause.has("field"):
            return Mention("device", match["index"], match.start(), match.end())
        return None

    def _unknown_optimizer(self, mentions: Sequence[Mention], clause: Clause) -> None:
        """Read the name of an optimizer that there is none of, so that it is refused by its name."""
        other = _last(mentions, "no_optimizer") or self._name_after_optimizer(mentions, clause)
        if other is not None:
            self._put("optimizer", self.line.quote(other.start, other.end), other)

    def _name_after_optimizer(self, mentions: Sequence[Mention], clause: Clause) -> Mention | None:
        field = next((mention for mention in mentions if mention.at("field", "optimizer")), None)
        named = _NAMED.match(self.line.text, field.end, clause.end) if field is not None else None
        group = "word" if named is not None and named["word"] else "korean"
        if named is None or named[group] in lexicon.listed("no_name"):
            return None
        name = Mention("no_optimizer", "", *named.span(group))
        return None if any(name.overlaps(mention) for mention in clause.mentions) else name

    def _plain_gpu(self, clause: Clause) -> None:
        """Read "on the gpu", "gpu로 돌려"."""
        for mention in clause.all("field", "device"):
            text = self.line.text
            before, after = text[clause.start : mention.start], text[mention.end : clause.end]
            meant = _GPU_BEFORE.search(before) or _GPU_AFTER.match(after)
            if meant and not _GPU_MEMORY.match(after):
                self._put("device", "gpu", mention)

    def _put(self, name: str, value: str | int, *mentions: Mention, op: str = "set") -> None:
        evidence = self.line.quote(min(each.start for each in mentions), max(each.end for each in mentions))
        if op == "set":
            self._ops = [other for other in self._ops if other.field != name]
        self._ops.append(Op.model_validate({"field": name, "op": op, "value": value, "evidence": evidence}))


def _device(value: str, context: Context) -> str:
    """Return the device that a word means: all GPUs, the second one."""
    if value == "all":
        gpus = [device for device in context.devices or ("0", "1") if device.isdigit()]
        return ",".join(gpus) or "0,1"
    return _NUMBERS.get(value, value)


def _last(mentions: Sequence[Mention], kind: str) -> Mention | None:
    return next((mention for mention in reversed(mentions) if mention.kind == kind), None)
