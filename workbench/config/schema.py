"""The training config: the one definition that chat, notebooks, command line, records and trainer share.

What lives here: ``TrainingConfig``, generated from ultralytics' ``default.yaml`` and from the run policy, and its forms
for a notebook and for the trainer. What does not: ranges (``limits``, ``policy``), messages (``check``), undo and
provenance of changes (``chat``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from workbench.config import check, limits
from workbench.config.limits import DOZEN
from workbench.config.policy import Policy
from workbench.errors import ConfigError

__all__ = ["DEFAULTS", "DOZEN", "TrainingConfig"]

# The trainer gets these always: ultralytics takes what is not said from the checkpoint it starts from.
_ALWAYS = ("imgsz", "single_cls")
# model, data and task are resolved by the caller; the rest decides where results go, and how hard a run is tried.
_RESOLVED = frozenset({"model", "data", "task", *limits.OWNED, *Policy.model_fields})


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, strict=True)

    if TYPE_CHECKING:
        model: str
        data: str
        epochs: int
        batch: int | float
        imgsz: int
        device: int | str | tuple[int, ...] | None
        optimizer: str
        lr0: float
        patience: int
        seed: int
        workers: int
        amp: bool | str
        task: str

        def __getattr__(self, name: str) -> Any: ...

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, values: Any) -> Any:
        # ConfigError is no ValueError, so pydantic lets it through as it is: all three beats arrive.
        if isinstance(values, _Config):
            return values
        if not isinstance(values, Mapping):
            raise ConfigError(
                f"A training config cannot be read from {type(values).__name__}.",
                "A mapping of keys to values, such as {'epochs': 10}.",
                "Pass a dict, or keys: TrainingConfig(epochs=10).",
            )
        return check.checked(values)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Read a config from JSON text.

        Raises:
            ConfigError: when the text is no JSON, or the config is not valid.
        """
        try:
            values = json.loads(json_data)
        except ValueError as error:
            raise ConfigError(
                f"The config is no JSON: {error}.", "A JSON object of keys and values.", "Correct the text."
            ) from error
        return cls.model_validate(values, **options)

    @classmethod
    def from_text(cls, pairs: Mapping[str, str]) -> Self:
        """Read a config from the ``key=value`` texts of a command line, e.g. ``{"epochs": "10", "cache": "ram"}``.

        Raises:
            ConfigError: when a key is unknown or a value does not read as what its key needs.
        """
        return cls.model_validate(check.read(pairs))

    @classmethod
    def from_parameters(cls, /, *, settings: Mapping[str, Any] | None = None, **dozen: Any) -> Self:
        """Return the config that ``parameters`` was called on.

        Args:
            settings: keys outside the dozen.
            dozen: keys of the dozen; those left out keep their defaults.

        Raises:
            ConfigError: when a key is unknown or stands on the wrong side, or a value is not legal.
        """
        settings = settings or {}
        for key in dozen:
            if key not in DOZEN:
                raise _misplaced(key, "among the parameters", "settings={...}", dict.fromkeys(DOZEN))
        for key in settings:
            if key in DOZEN:
                raise _misplaced(key, "in settings", "the parameter of that name", dict.fromkeys(limits.fields()))
        return cls.model_validate({**dozen, **settings})

    def __repr__(self) -> str:
        """Return the config as code, less what is as by default: a hundred defaults would hide what was chosen."""
        return f"TrainingConfig({', '.join(f'{name}={value!r}' for name, value in self.changes().items())})"

    __str__ = __repr__

    def changes(self) -> dict[str, Any]:
        """Return the keys that differ from the defaults, with lists for tuples; no task where the model implies it."""
        changed = {name: _listed(value) for name, value in self if value != DEFAULTS[name]}
        if "task" in changed and type(self).model_validate({"model": self.model}).task == self.task:
            del changed["task"]
        return changed

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a job notebook: the dozen, and ``settings`` with every other changed key.

        The values are None, bool, int, float, str and lists of these: papermill writes nothing else as it is.
        """
        settings = {name: value for name, value in self.changes().items() if name not in DOZEN}
        return {**{name: _listed(getattr(self, name)) for name in DOZEN}, "settings": settings}

    def overrides(self) -> dict[str, Any]:
        """Return the arguments for ultralytics' ``model.train``: what differs from its defaults.

        ``model``, ``data`` and ``task`` are missing, because the caller resolves them, and so are the keys that the
        workbench owns and those of the run policy. ``imgsz`` and ``single_cls`` are always there: a checkpoint would
        bring its own otherwise.
        """
        return {
            name: _listed(value)
            for name, value in self
            if name not in _RESOLVED and (name in _ALWAYS or value != limits.fields()[name].default)
        }

    def policy(self) -> Policy:
        """Return how hard the run is tried, and for how long."""
        return Policy(**{name: getattr(self, name) for name in Policy.model_fields})

    def diff(self, other: TrainingConfig) -> dict[str, tuple[Any, Any]]:
        """Return what changes from this config to ``other``: key to (value here, value there)."""
        return {name: (value, getattr(other, name)) for name, value in self if value != getattr(other, name)}

    def replace(self, /, **changes: Any) -> Self:
        """Return a config with ``changes``, checked; a new model brings its own task.

        Raises:
            ConfigError: when a key is unknown or a value is not legal.
        """
        kept = self.changes()
        if "model" in changes:
            kept.pop("task", None)
        return type(self).model_validate({**kept, **changes})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; unlike pydantic's own, ``update`` is checked."""
        return self.replace(**update) if update else super().model_copy(deep=deep)


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _misplaced(key: str, place: str, instead: str, known: Mapping[str, Any]) -> ConfigError:
    if key not in limits.fields():
        return check.unknown(key, known)
    return ConfigError(
        f"'{key}' stands {place}.",
        f"The dozen ({', '.join(DOZEN)}) as parameters, every other key in settings.",
        f"Move it to {instead}.",
        problems=[{"key": key, "value": None, "reason": f"'{key}' belongs to {instead}."}],
    )


def _fields() -> dict[str, Any]:
    order = [*DOZEN, *(name for name in limits.fields() if name not in DOZEN)]
    rules = limits.rules()
    return {
        name: (rules[name].annotation, Field(default=limits.default(name), description=limits.fields()[name].doc))
        for name in order
    }


if TYPE_CHECKING:

    class TrainingConfig(_Config):
        """What to train and how: ultralytics' ``default.yaml`` and the run policy, checked and frozen."""

        # mypy's pydantic plugin would demand the fields above and refuse the other hundred.
        def __init__(self, **values: Any) -> None: ...

else:
    TrainingConfig = create_model(
        "TrainingConfig",
        __base__=_Config,
        __module__=__name__,
        __doc__="What to train and how: ultralytics' ``default.yaml`` and the run policy, checked and frozen.",
        **_fields(),
    )

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({name: limits.default(name) for name in limits.fields()})
