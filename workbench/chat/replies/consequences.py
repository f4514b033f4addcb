"""What follows from a value for certain: by arithmetic, or because the trainer is made so.

What lives here: iterations, optimizer steps, the cost of an image size, sizes of models, when what fires. What does
not: whether a model gets better, which nobody knows before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workbench.chat.context import Context, DatasetFact
from workbench.chat.messages import figure, say, shown
from workbench.chat.replies import model_sizes
from workbench.chat.turn import Language

_STRIDE: Final = 32
_AUTO_SHARE: Final = 0.6  # what ultralytics fills with batch=-1


@dataclass(frozen=True)
class Case:
    """Values to look at.

    Attributes:
        values: every field, with what is supposed.
        now: every field as it is.
        context: for the number of training images.
        language: of the person.
    """

    values: Mapping[str, Any]
    now: Mapping[str, Any]
    context: Context
    language: Language

    def say(self, key: str, **values: Any) -> str:
        """Return a sentence of ``consequence.toml``."""
        return say(f"consequence.{key}", self.language, **values)

    @property
    def dataset(self) -> DatasetFact | None:
        """The dataset that is trained on, when it is known."""
        return self.context.dataset(self.values["data"])


def consequences(name: str, case: Case) -> list[str]:
    """Return what is certain about field ``name``; often nothing."""
    return [line for rule in _RULES.get(name, ()) for line in rule(case)]


def train_images(case: Case) -> int | None:
    """Return how many training images are used, ``None`` when unknown."""
    dataset = case.dataset
    images = dataset.splits.get("train") if dataset is not None else None
    if not images:
        return None
    fraction = case.values["fraction"]
    share = fraction[0] if isinstance(fraction, (tuple, list)) else fraction
    return min(images, share) if isinstance(share, int) and share > 1 else max(1, round(images * share))


def iterations(case: Case) -> int | None:
    """Return the iterations of one epoch; ``None`` when images or batch are not known."""
    images, batch = train_images(case), case.values["batch"]
    if images is None or not isinstance(batch, int) or batch < 1:
        return None
    # A compiled model needs batches of one size: the last one is dropped.
    return max(1, images // batch) if case.values["compile"] else math.ceil(images / batch)


def _iterations(case: Case) -> Iterator[str]:
    each, images, epochs = iterations(case), train_images(case), case.values["epochs"]
    if each is None:
        yield from _epochs_alone(case)
        return
    facts = {"images": images, "batch": case.values["batch"], "iterations": each}
    if case.values["time"] is not None:
        yield case.say("iterations_epoch", **facts)
        return
    yield case.say("iterations", **facts, epochs=epochs, total=each * epochs)
    before = iterations(Case(case.now, case.now, case.context, case.language))
    if before is not None and before * case.now["epochs"] != each * epochs:
        yield case.say("iterations_now", total=before * case.now["epochs"])


def _epochs_alone(case: Case) -> Iterator[str]:
    epochs, now = case.values["epochs"], case.now["epochs"]
    if epochs != now and case.values["time"] is None:
        yield case.say("epochs_ratio", ratio=_ratio(epochs / now))
    if not case.values["data"]:
        yield case.say("iterations_no_dataset")
    elif train_images(case) is None:
        yield case.say("iterations_unknown")


def _batch(case: Case) -> Iterator[str]:
    batch, images = case.values["batch"], train_images(case)
    if not isinstance(batch, int) or batch < 1:
        many = "," in str(case.values["device"]) or isinstance(case.values["device"], (tuple, list))
        percent = figure(round((batch if isinstance(batch, float) else _AUTO_SHARE) * 100, 6))
        yield case.say("batch_auto_many") if many else case.say("batch_auto", percent=percent)
    elif images is not None and batch >= images > 1:
        yield case.say("batch_all")


def _accumulation(case: Case) -> Iterator[str]:
    batch, nominal = case.values["batch"], case.values["nbs"]
    if isinstance(batch, int) and batch >= 1 and (batches := max(round(nominal / batch), 1)) > 1:
        yield case.say("accumulation", batches=batches, nbs=nominal)


def _image_size(case: Case) -> Iterator[str]:
    size, now = case.values["imgsz"], case.now["imgsz"]
    used = _stepped(size)
    if used != size:
        yield case.say("imgsz_used", used=used)
    if used != _stepped(now):
        yield case.say("imgsz_cost", ratio=_ratio((used / _stepped(now)) ** 2))


def _model(case: Case) -> Iterator[str]:
    name, now = case.values["model"], case.now["model"]
    found, before = model_sizes.figures(name), model_sizes.figures(now)
    if found is not None and before is not None and name != now:
        ratios = {
            "ratio": _ratio(found.parameters / before.parameters),
            "gflops_ratio": _ratio(found.gflops / before.gflops),
        }
        old = {"parameters_before": before.millions, "gflops_before": before.gflops}
        new = {"parameters": found.millions, "gflops": found.gflops}
        yield case.say("model_change", before=now, after=name, **old, **new, **ratios)
    elif found is not None:
        yield case.say("model", name=name, parameters=found.millions, gflops=found.gflops)
    if name.endswith((".yaml", ".yml")):
        yield case.say("model_scratch", name=name)


def _ignored(case: Case) -> Iterator[str]:
    if case.values["optimizer"] == "auto":
        yield case.say("lr_ignored")


def _final_rate(case: Case) -> Iterator[str]:
    if case.values["optimizer"] != "auto":
        first = case.values["lr0"]
        yield case.say("lr_final", first=first, last=float(f"{first * case.values['lrf']:.6g}"))


def _patience(case: Case) -> Iterator[str]:
    patience, epochs = case.values["patience"], case.values["epochs"]
    if case.values["time"] is not None:
        return
    key = "patience_off" if patience == 0 else "patience_never" if patience >= epochs else "patience"
    yield case.say(key, patience=patience, epochs=epochs)


def _time(case: Case) -> Iterator[str]:
    if case.values["time"] is not None:
        yield case.say("time", time=shown("time", case.values["time"], case.language))


def _epochs_time(case: Case) -> Iterator[str]:
    if case.values["time"] is not None:
        yield case.say("epochs_time", time=shown("time", case.values["time"], case.language))


def _rectangles(case: Case) -> Iterator[str]:
    if case.values["rect"]:
        yield case.say("mosaic_rect")


def _mosaic_end(case: Case) -> Iterator[str]:
    closed, epochs = case.values["close_mosaic"], case.values["epochs"]
    if not case.values["mosaic"]:
        yield case.say("mosaic_off")
    elif closed and case.values["time"] is None and not case.values["rect"]:
        key = "mosaic_all" if closed >= epochs else "mosaic_from"
        yield case.say(key, epochs=epochs, on=epochs - closed, off=closed)


def _warmup(case: Case) -> Iterator[str]:
    length, epochs, each = case.values["warmup_epochs"], case.values["epochs"], iterations(case)
    if length <= 0:
        yield case.say("warmup_off")
        return
    if case.values["time"] is not None:
        return
    if length > epochs - 1:
        yield case.say("warmup_capped", epochs=epochs)
    if each is not None and (steps := round(min(length, epochs - 1) * each)) > 0:
        yield case.say("warmup", iterations=steps)


def _scales(case: Case) -> Iterator[str]:
    span, size = case.values["multi_scale"], _stepped(case.values["imgsz"])
    if span:
        low = max(_STRIDE, int(size * (1 - span))) // _STRIDE * _STRIDE
        yield case.say("multi_scale", low=low, high=(int(size * (1 + span) + _STRIDE) - 1) // _STRIDE * _STRIDE)


def _device(case: Case) -> Iterator[str]:
    if case.values["device"] == "cpu":
        yield case.say("device_cpu")


def _freeze(case: Case) -> Iterator[str]:
    if case.values["freeze"] and case.values["model"].endswith((".yaml", ".yml")):
        yield case.say("freeze_scratch", model=case.values["model"])


def _retries(case: Case) -> Iterator[str]:
    count = case.values["attempts"] - 1
    first, factor, most = (case.values[name] for name in ("first_delay_s", "factor", "max_delay_s"))
    if count < 1:
        yield case.say("retries_none")
        return
    # The power is taken only as far as it is shown: 100 ** 100 is no float.
    delays = [min(first * factor**step, most) for step in range(min(count, 5))]
    told = ", ".join(shown("first_delay_s", round(delay, 3), case.language) for delay in delays)
    yield case.say("retries", retries=count, delays=f"{told}{', …' if count > len(delays) else ''}")


def _flips(name: str) -> Callable[[Case], Iterator[str]]:
    def said(case: Case) -> Iterator[str]:
        if 0 < case.values[name] < 1:
            yield case.say("flips", percent=figure(round(case.values[name] * 100, 6)))

    return said


def _fraction(case: Case) -> Iterator[str]:
    dataset, used = case.dataset, train_images(case)
    if dataset is not None and used is not None and used < dataset.splits["train"]:
        yield case.say("fraction", used=used, images=dataset.splits["train"])


def _seed(case: Case) -> Iterator[str]:
    if case.values["seed"] != case.now["seed"]:
        yield case.say("seed")


def _stepped(size: int) -> int:
    return max(_STRIDE, math.ceil(size / _STRIDE) * _STRIDE)


def _ratio(value: float) -> str:
    return figure(round(value, 2))


_RULES: Final[Mapping[str, tuple[Callable[[Case], Iterator[str]], ...]]] = {
    "epochs": (_epochs_time, _iterations, _patience),
    "batch": (_batch, _iterations, _accumulation),
    "data": (_iterations,),
    "fraction": (_fraction, _iterations),
    "nbs": (_accumulation,),
    "imgsz": (_image_size,),
    "model": (_model,),
    "lr0": (_ignored, _final_rate),
    "lrf": (_final_rate,),
    "momentum": (_ignored,),
    "optimizer": (_ignored,),
    "patience": (_patience,),
    "time": (_time,),
    "mosaic": (_rectangles, _mosaic_end),
    "mixup": (_rectangles,),
    "cutmix": (_rectangles,),
    "close_mosaic": (_rectangles, _mosaic_end),
    "rect": (_rectangles,),
    "warmup_epochs": (_warmup,),
    "multi_scale": (_scales,),
    "device": (_device,),
    "freeze": (_freeze,),
    "seed": (_seed,),
    **dict.fromkeys(("attempts", "first_delay_s", "factor", "max_delay_s"), (_retries,)),
    **{name: (_flips(name),) for name in ("fliplr", "flipud", "bgr")},
}
