"""What is trained on what: dataset, task and model, which depend on each other.

What lives here: one turn's wishes for these three, brought together. What does not: names of models (``models``), and
all other fields (``values``, ``devices``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from workbench.chat.cleaning import folded
from workbench.chat.context import Context, DatasetFact
from workbench.chat.judge import models
from workbench.chat.judge.values import Refused, Unclear, closest, is_number, legal
from workbench.chat.judge.verdict import Note, Refusal
from workbench.chat.judge.wish import Wish
from workbench.config.limits import TASKS
from workbench.config.patch import Source

FIELDS: Final = ("data", "task", "model")
_TASK_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("detection", "object detection"), "detect"),
    **dict.fromkeys(("segmentation", "instance segmentation", "seg"), "segment"),
    **dict.fromkeys(("classification", "cls"), "classify"),
    **dict.fromkeys(("semantic segmentation", "sem"), "semantic"),
    **dict.fromkeys(("pose estimation", "keypoints"), "pose"),
    "oriented bounding boxes": "obb",
    "depth estimation": "depth",
}
_CHOICES: Final = 12  # datasets that a refusal names


@dataclass
class Outcome:
    """What becomes of the three.

    Attributes:
        values: the three fields as they are afterwards.
        origins: the field's source and the words that asked for it.
        refusals: what is not done.
        notes: what else is worth saying.
        unclear: a field that a question must be asked about.
    """

    values: dict[str, Any]
    origins: dict[str, tuple[Source, str]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unclear: str = ""


class Subject:
    """Dataset, task and model of one turn.

    Args:
        values: the config as it is.
        base: the defaults.
        context: the datasets.
    """

    def __init__(self, values: Mapping[str, Any], base: Mapping[str, Any], context: Context) -> None:
        self._base, self._context = base, context
        self._now = {name: values[name] for name in FIELDS}
        self._model = models.read(self._now["model"])
        self._said: set[str] = set()  # the parts of the model that this turn names itself
        self._out = Outcome(dict(self._now))

    def settle(self, wishes: Sequence[Wish]) -> Outcome:
        """Return what becomes of the three when ``wishes`` are done as far as they go."""
        self._choose_data([wish for wish in wishes if wish.field == "data"])
        task = self._target(wishes)
        for wish in wishes:
            if wish.field == "model":
                with_part = self._tried(wish, lambda wish: self._changed_model(wish, task))
                self._model = with_part or self._model
        self._put_together(task)
        self._compare_with_data()
        return self._out

    def _tried(self, wish: Wish, change: Any) -> Any:
        try:
            result = change(wish)
        except Refused as refused:
            self._out.refusals.append(replace(refused.refusal, evidence=wish.evidence))
        except Unclear as unclear:
            self._out.unclear = unclear.field
        else:
            self._out.origins[wish.field] = (wish.source, wish.evidence)
            return result
        return None

    def _choose_data(self, wishes: Sequence[Wish]) -> None:
        if wishes and (name := self._tried(wishes[-1], self._dataset)) is not None:
            self._out.values["data"] = name

    def _dataset(self, wish: Wish) -> str:
        if wish.op == "unset":
            return str(self._base["data"])
        if wish.op != "set":
            raise Refused(Refusal("data", wish.value, "not_legal"))
        if wish.value is None or wish.value == "":
            return ""
        names = tuple(dataset.name for dataset in self._context.datasets)
        if not names:
            return str(legal("data", wish.value))
        if wish.value in names:
            return str(wish.value)
        word = folded(str(wish.value)) if isinstance(wish.value, str) else ""
        alike = [name for name in names if folded(name) == word]
        if len(alike) == 1:
            return alike[0]
        nearest = closest(word, names) if word else None
        raise Refused(Refusal("data", wish.value, "no_such_dataset", choices=names[:_CHOICES], nearest=nearest))

    def _target(self, wishes: Sequence[Wish]) -> str:
        """Return the task that is wanted: the one said last, else that of a newly chosen dataset, else as it is."""
        last = max((place for place, wish in enumerate(wishes) if wish.field == "task"), default=-1)
        # A new dataset says more about the task than the plain name of a model; in a form both are meant as they stand.
        alone = last < 0 and all(wish.literal for wish in wishes if wish.field == "data")
        wanted = ""
        for place, wish in enumerate(wishes):
            if wish.field == "task" and place == last:
                wanted = self._tried(wish, self._task) or wanted
            elif wish.field == "model" and (task := self._task_in(wish, alone=alone)):
                wanted = task
                self._out.origins["task"] = ("derived", wish.evidence)
        if wanted:
            self._said.add("task")
            return wanted
        return self._task_of_new_data() or str(self._now["task"])

    def _task(self, wish: Wish) -> str:
        if wish.op == "unset":
            return str(self._base["task"])
        if wish.op != "set":
            raise Refused(Refusal("task", wish.value, "not_legal", choices=TASKS))
        value = _TASK_WORDS.get(folded(wish.value), wish.value) if isinstance(wish.value, str) else wish.value
        return str(legal("task", value))

    def _task_in(self, wish: Wish, *, alone: bool) -> str:
        """Return the task that a model's name asks for; a plain name asks for none unless it is meant to the letter."""
        if wish.op == "unset":
            return str(self._base["task"]) if alone else ""
        if wish.op != "set" or not isinstance(wish.value, str):
            return ""
        said = models.heard(wish.value)
        if said is None:
            return ""
        return said.task or (said.implied if said.ending and wish.literal and alone else "")

    def _task_of_new_data(self) -> str:
        fact = self._fact()
        new = self._out.values["data"] != self._now["data"]
        if fact is None or not new or fact.task not in TASKS or fact.task == self._now["task"]:
            return ""
        self._out.origins["task"] = ("dataset", self._out.origins["data"][1])
        return fact.task

    def _fact(self) -> DatasetFact | None:
        return self._context.dataset(self._out.values["data"]) if self._out.values["data"] else None

    def _changed_model(self, wish: Wish, task: str) -> models.Model:
        if wish.op == "unset":
            return models.read(str(self._base["model"]))
        if wish.op == "scale":
            raise Unclear("model")
        if wish.op == "add":
            return self._stepped(wish.value, task)
        said = models.heard(_word(wish.value))
        if said is None:
            near = models.likeliest(_word(wish.value), self._model.ending)
            raise Refused(Refusal("model", wish.value, "unknown_word", nearest=near, choices=models.families(task)))
        if said.own:
            return models.Model(ending=said.ending, own=str(legal("model", said.own)))
        return self._with_parts(said)

    def _with_parts(self, said: models.Said) -> models.Model:
        model = self._model
        if model.own and not said.family:
            model = replace(models.read(str(self._base["model"])), ending=model.ending)
        if said.family:
            self._said.add("family")
            model = models.Model(said.family, model.scale, said.variant, model.ending)
        if said.scale is not None:
            self._said.add("scale")
            model = replace(model, scale=said.scale) if said.variant else models.resized(model, said.scale)
        return replace(model, ending=said.ending or model.ending)

    def _stepped(self, amount: Any, task: str) -> models.Model:
        """Return the model some sizes up or down.

        Raises:
            Refused: when ``amount`` is no whole number, the model has no sizes, or it leads beyond the ends.
        """
        steps = models.ladder(self._model, task if models.sizes(self._model.family, task) else str(self._now["task"]))
        if not is_number(amount) or amount != int(amount) or self._model.scale not in steps:
            raise Refused(Refusal("model", amount, "not_legal", choices=steps))
        place = steps.index(self._model.scale) + int(amount)
        if not 0 <= place < len(steps):
            end = steps[0] if place < 0 else steps[-1]
            nearest = end if end != self._model.scale else None
            raise Refused(Refusal("model", amount, "no_such_size", steps[0], steps[-1], steps, nearest))
        self._said.add("scale")
        return models.resized(self._model, steps[place])

    def _put_together(self, task: str) -> None:
        for attempt in self._attempts(task):
            try:
                self._out.values["model"], self._out.values["task"] = self._named(*attempt)
            except Refused as refused:
                self._out.refusals.append(refused.refusal)
                self._said -= {"family", "scale"}
                self._out.origins.pop("model", None)
            else:
                break
        self._trace_model()

    def _attempts(self, task: str) -> Iterator[tuple[models.Model, str]]:
        untouched = models.read(self._now["model"])
        if self._model == untouched and task == self._now["task"]:
            return
        if "family" in self._said and "task" not in self._said and not models.sizes(self._model.family, task):
            task = str(self._now["task"])  # the family was named, the task only came with the dataset
        yield self._model, task
        yield untouched, task

    def _named(self, model: models.Model, task: str) -> tuple[str, str]:
        if model.own:
            self._out.notes.append(Note("own_model", {"model": model.own, "task": task}))
            return model.own, task
        evidence = self._out.origins.get("model", ("", ""))[1]
        known = models.sizes(model.family, task)
        if not known and "family" in self._said:
            able = models.families(task)
            raise Refused(Refusal("model", task, "task_mismatch", choices=able, nearest=able[0], evidence=evidence))
        if not known:
            family = models.families(task)[0]
            self._out.notes.append(Note("family_changed", {"before": model.family, "after": family, "task": task}))
            model, known = models.Model(family, model.scale, ending=model.ending), models.sizes(family, task)
        if model.scale not in known:
            nearest = models.nearest_size(model.scale, known)
            if "scale" in self._said:
                raise Refused(
                    Refusal("model", model.scale, "no_such_size", choices=known, nearest=nearest, evidence=evidence)
                )
            self._out.notes.append(
                Note("size_changed", {"before": model.scale, "after": nearest, "family": model.family})
            )
            model = models.resized(model, nearest)
        name = models.named(model, task)
        if model.ending == ".pt" and not name.endswith(".pt"):
            self._out.notes.append(Note("no_weights", {"model": name}))
        return name, task

    def _trace_model(self) -> None:
        """Say where the model comes from when only the task, or the dataset, has changed it."""
        origins = self._out.origins
        if "model" not in origins and "task" in origins:
            source, evidence = origins["task"]
            origins["model"] = ("dataset" if source == "dataset" else "derived", evidence)

    def _compare_with_data(self) -> None:
        fact, values = self._fact(), self._out.values
        moved = any(values[name] != self._now[name] for name in ("data", "task"))
        if fact is not None and moved and fact.task in TASKS and fact.task != values["task"]:
            facts = {"data": fact.name, "dataset_task": fact.task, "task": values["task"]}
            self._out.notes.append(Note("task_mismatch", facts))


def _word(value: Any) -> str:
    """Return the word for a model: 11 means yolo11.

    Raises:
        Refused: when it is none.
    """
    if isinstance(value, str) and value.strip() and len(value) <= 4096:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100:
        return str(value)
    raise Refused(Refusal("model", value, "not_legal"))
