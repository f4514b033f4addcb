"""The ranges and enums laid over ultralytics' keys, which ultralytics itself checks for a part of them only.

What lives here: every key of a config with its rule, the keys that belong to the workbench, and hints for keys that do
not exist. What does not: the rules' kinds (``rules``), the ranges of the run policy (``policy``), and holding a config
against them (``check``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from workbench.config import policy
from workbench.config.defaults import FieldSpec, specs
from workbench.config.rules import Choice, Flag, Integer, Items, OneOf, Real, Rule, Text

TASKS: Final = ("detect", "segment", "semantic", "depth", "classify", "pose", "obb")
MODES: Final = ("train", "val", "predict", "export", "track", "benchmark")
OPTIMIZERS: Final = ("auto", "SGD", "MuSGD", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSProp")
TRACKERS: Final = ("botsort", "bytetrack", "ocsort", "deepocsort", "fasttrack", "tracktrack")
COMPILE_MODES: Final = ("default", "reduce-overhead", "max-autotune-no-cudagraphs")
FORMATS: Final = (
    *("torchscript", "onnx", "openvino", "engine", "coreml", "coreai", "saved_model", "pb", "edgetpu", "litert"),
    *("paddle", "mnn", "ncnn", "imx", "rknn", "executorch", "axelera", "deepx", "qnn", "hailo", "ascend", "xilinx"),
)
# ultralytics turns these into bit widths; keeping one form makes equal configs equal.
QUANTIZE_ALIASES: Final = {
    **dict.fromkeys(("8", "int8", "w8a8"), 8),
    **dict.fromkeys(("16", "fp16", "w16a16"), 16),
    **dict.fromkeys(("32", "fp32", "w32a32"), 32),
}

# The workbench differs from ultralytics here: training starts from scratch without a download, and no dataset is
# guessed ('' means that none is chosen yet).
OVERLAY: Final = MappingProxyType({"model": "yolo26n.yaml", "data": ""})

# The most used keys, in the order in which a job notebook shows them.
DOZEN: Final = (
    *("model", "data", "epochs", "batch", "imgsz", "device"),
    *("optimizer", "lr0", "patience", "seed", "workers", "amp"),
)

# Keys that decide what is executed and where results go. Each says what to do instead.
OWNED: Final = MappingProxyType(
    {
        "mode": "Use `workbench predict`, `evaluate` or `export` for anything but training.",
        "project": "Use --project to choose the project.",
        "name": "Use --name to name the run.",
        "exist_ok": "Leave it out: every run has a folder of its own.",
        "save": "Leave it out: a run without checkpoints would have no result.",
        "resume": "Use `workbench runs resume RUN` to go on with a run that was interrupted.",
        "cfg": "Give its values themselves: values from a file would not be recorded.",
    }
)

# Each of these counts in another way than the key that is meant.
_ATTEMPTS = "Did you mean 'attempts'? It counts the first try too: attempts=1 is no retry."
_MAX_HOURS = "Did you mean 'max_hours'? It is in hours, for all attempts together."

# Keys that people try, and that are called otherwise or are gone.
HINTS: Final = MappingProxyType(
    {
        "save_dir": "It is set by the workbench: use --project and --name.",
        "augmentations": "Python objects cannot be recorded: use the augmentation keys, e.g. 'mosaic' or 'hsv_h'.",
        "half": "Use quantize=16.",
        "int8": "Use quantize=8.",
        "end2end": "Use 'nms'.",
        "boxes": "Use 'show_boxes'.",
        "hide_labels": "Use 'show_labels'.",
        "hide_conf": "Use 'show_conf'.",
        "line_thickness": "Use 'line_width'.",
        "label_smoothing": "ultralytics has removed it: leave it out.",
        "batch_size": "Did you mean 'batch'?",
        "lr": "Did you mean 'lr0'?",
        "learning_rate": "Did you mean 'lr0'?",
        "image_size": "Did you mean 'imgsz'?",
        "img_size": "Did you mean 'imgsz'?",
        "num_workers": "Did you mean 'workers'?",
        "dataset": "Did you mean 'data'?",
        "weights": "Did you mean 'model'?",
        "early_stopping": "Did you mean 'patience'?",
        "policy": "Give its keys themselves, e.g. attempts=1.",
        **dict.fromkeys(("retry", "retries", "max_retries", "num_retries"), _ATTEMPTS),
        **dict.fromkeys(("tries", "max_attempts", "max_tries"), "Did you mean 'attempts'?"),
        **dict.fromkeys(("timeout", "timeout_s", "time_limit", "max_time", "deadline", "walltime"), _MAX_HOURS),
        **dict.fromkeys(("delay", "delay_s", "retry_delay", "retry_delay_s"), "Did you mean 'first_delay_s'?"),
        **dict.fromkeys(("backoff", "backoff_factor", "exponential_backoff"), "Did you mean 'factor'?"),
        "max_backoff": "Did you mean 'max_delay_s'?",
        "jitter": "Leave it out: every delay is varied by up to a quarter.",
        **dict.fromkeys(("heartbeat", "heartbeat_s", "heartbeat_timeout", "stall"), "Did you mean 'silence_s'?"),
    }
)

_DEVICE = r"cpu|mps(:0)?|cuda|(cuda:)?(-1|\d{1,3})(,(cuda:)?(-1|\d{1,3}))*|(npu|xpu)(:\d{1,3}(,\d{1,3})*)?"
_EPOCHS_MAX = 100_000
_INDEX_MAX = 1_000_000


def _distinct(indices: Sequence[Any]) -> str:
    chosen = [index for index in indices if index not in (-1, "-1")]
    return "names a device twice" if len(set(chosen)) < len(chosen) else ""


def _distinct_text(text: str) -> str:
    return _distinct([part.rsplit(":", 1)[-1] for part in text.split(",")])


def _ascending(pair: Sequence[Any]) -> str:
    return "has its minimum above its maximum" if pair[0] > pair[1] else ""


def _nonempty(shares: Sequence[Any]) -> str:
    return "leaves the train or val split empty" if not all(shares[:2]) else ""


def _integer(low: int, high: int, **more: Any) -> Integer:
    return Integer(low=low, high=high, **more)


def _real(low: float, high: float, **more: Any) -> Real:
    return Real(low=low, high=high, **more)


_share = _real(0.0, 1.0)
_gain = _real(0.0, 1000.0)
_momentum = _real(0.0, 0.9999)  # torch refuses an Adam beta of 1, and SGD diverges
_indices = Items(rule=_integer(0, _INDEX_MAX), high=10_000)

_WHAT_AND_HOW: dict[str, Rule] = {
    "task": Choice(words=TASKS),
    "mode": Choice(words=MODES),
    "model": Text(
        meaning="a model such as 'yolo26n.yaml' (from scratch) or 'yolo26n.pt' (pretrained), or a checkpoint",
        suffixes=(".pt", ".yaml", ".yml", ""),
    ),
    "data": Text(meaning="the name of a dataset of the workspace, or '' for none yet"),
    "epochs": _integer(1, _EPOCHS_MAX),
    "time": _real(0.001, 8760.0, optional=True),
    "patience": _integer(0, _EPOCHS_MAX),
    "batch": OneOf(
        rules=(_integer(1, 65_536), _real(0.001, 0.999), _integer(-1, -1)),
        meaning="an integer from 1 to 65536, -1 for an automatic choice, or a share of GPU memory between 0 and 1",
    ),
    # ultralytics silently trains a [h, w] pair at its larger side, so only the square that is trained is legal here.
    "imgsz": _integer(32, 8192),
    "save": Flag(),
    "save_period": _integer(-1, _EPOCHS_MAX),
    "cache": Choice(words=("ram", "disk"), flags=True),
    "device": OneOf(
        rules=(
            _integer(-1, 999),
            Items(rule=_integer(-1, 999), high=64, also=_distinct),
            Text(meaning="a device", pattern=_DEVICE, also=_distinct_text),
        ),
        meaning="a GPU index such as 0, several as '0,1' or [0, 1], -1 for an idle one, 'cpu', 'mps', 'npu:0', "
        "'xpu:0', or None for the best one",
        optional=True,
    ),
    "workers": _integer(0, 256),
    "project": Text(meaning="None", optional=True),
    "name": Text(meaning="None", optional=True),
    "pretrained": OneOf(rules=(Flag(), Text(meaning="the path of a checkpoint (.pt)", suffixes=(".pt",)))),
    "optimizer": Choice(words=OPTIMIZERS),
    "seed": _integer(0, 2**31 - 1),  # numpy ends at 2**32, and ultralytics adds the rank
    "close_mosaic": _integer(0, _EPOCHS_MAX),
    "resume": Flag(),
    "amp": Choice(words=("fp16", "bf16", "fp32"), flags=True),
    "fraction": OneOf(
        rules=(
            _real(1e-6, 1.0),
            _integer(2, 10**9),
            Items(rule=OneOf(rules=(_share, _integer(2, 10**9))), low=2, high=3, also=_nonempty),
        ),
        meaning="a share above 0 up to 1, a count of images above 1, or a list [train, val(, test)] of these",
    ),
    "freeze": OneOf(
        rules=(
            _integer(0, 10_000),
            Items(
                rule=OneOf(rules=(_integer(0, 10_000), Text(meaning="a module", pattern=r"[\w.]{1,200}"))), high=1000
            ),
        ),
        meaning="the number of first layers, or a list of layer indices or module names such as '23.cv2'",
        optional=True,
    ),
    "multi_scale": _share,
    "compile": Choice(words=COMPILE_MODES, flags=True),
    "quantize": OneOf(
        rules=(*(_integer(bits, bits) for bits in (8, 16, 32)), Choice(words=("w8a16", "w8a32"))),
        meaning="8, 16, 32, 'int8', 'fp16', 'fp32', 'w8a8', 'w16a16', 'w32a32', 'w8a16' or 'w8a32'",
        aliases=dict(QUANTIZE_ALIASES),
        optional=True,
    ),
    "distill_model": Text(meaning="the path of a teacher (.pt or .yaml)", suffixes=(".pt", ".yaml"), optional=True),
    "cfg": Text(meaning="None", optional=True),
}

_AFTER_TRAINING: dict[str, Rule] = {
    "split": Choice(words=("val", "test", "train")),
    "conf": _real(0.0, 1.0, optional=True),
    "iou": _share,
    "max_det": _integer(1, 30_000),
    "source": Text(meaning="a file, folder or address of images or videos", optional=True),
    "vid_stride": _integer(1, 10_000),
    "classes": OneOf(rules=(_integer(0, _INDEX_MAX), _indices), optional=True),
    "embed": Items(rule=_integer(0, 10_000), high=1000, optional=True),
    "line_width": _integer(1, 1000, optional=True),
    "format": Choice(words=FORMATS),
    "opset": _integer(7, 25, optional=True),
    "workspace": _real(0.01, 1024.0, optional=True),
    "tracker": Choice(words=tuple(f"{name}.yaml" for name in TRACKERS)),
}

_HYPERPARAMETERS: dict[str, Rule] = {
    **dict.fromkeys(("lrf", "weight_decay", "warmup_bias_lr", "cls_pw", "dlam", "dropout"), _share),
    **dict.fromkeys(("box", "cls", "dfl", "pose", "kobj", "rle", "angle", "dlog", "dgrad", "dis"), _gain),
    **dict.fromkeys(("momentum", "warmup_momentum"), _momentum),
    "lr0": _real(1e-8, 1.0),
    "warmup_epochs": _real(0.0, float(_EPOCHS_MAX)),
    "mask_ratio": _integer(1, 64),
    "nbs": _integer(1, 65_536),
}

_AUGMENTATION: dict[str, Rule] = {
    **dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "translate", "flipud", "fliplr", "bgr", "erasing"), _share),
    **dict.fromkeys(("mosaic", "mixup", "cutmix", "copy_paste"), _share),
    "degrees": _real(0.0, 180.0),
    "shear": _real(0.0, 80.0),  # the tangent explodes at 90
    "perspective": _real(0.0, 0.01),
    "scale": OneOf(
        rules=(_share, Items(rule=_real(0.01, 10.0), low=2, high=2, also=_ascending)),
        meaning="a number from 0 to 1, or a pair (min, max) of factors from 0.01 to 10",
    ),
    "copy_paste_mode": Choice(words=("flip", "mixup")),
    "auto_augment": Choice(words=("randaugment", "autoaugment", "augmix"), optional=True),
}

RULES: Final = MappingProxyType({**_WHAT_AND_HOW, **_AFTER_TRAINING, **_HYPERPARAMETERS, **_AUGMENTATION})


def rule_for(spec: FieldSpec) -> Rule:
    """Return the rule of a key of ultralytics: our own, or what its type allows for a key that is newer than we are."""
    if spec.name in RULES:
        return RULES[spec.name]
    words = {word.strip() for word in spec.type.replace(",", "|").split("|")}
    optional = "optional" in words or spec.default is None
    if "bool" in words:
        return Flag(optional=optional)
    if "int" in words:
        return Integer(low=-1, high=10**9, optional=optional)
    if "float" in words:
        return Real(low=-1e9, high=1e9, optional=optional)
    return Text(meaning="text", optional=optional)


@cache
def fields() -> MappingProxyType[str, FieldSpec]:
    """Return every key of a config: those of the installed ultralytics in the file's order, then the run policy's."""
    return MappingProxyType({**specs(), **policy.specs()})


def rules() -> dict[str, Rule]:
    """Return the rule of every key, in the order of ``fields``."""
    return {**{name: rule_for(spec) for name, spec in specs().items()}, **policy.rules()}


def default(name: str) -> Any:
    """Return the default of a key: ultralytics' own, ours where ``OVERLAY`` has one, or the run policy's."""
    return OVERLAY.get(name, fields()[name].default)
