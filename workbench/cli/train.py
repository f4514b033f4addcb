"""``workbench train``."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import output
from workbench.cli.options import (
    DetachOption,
    JsonOption,
    NameOption,
    NoteOption,
    ProjectOption,
    SessionOption,
    TagOption,
    WorkspaceOption,
    open_workspace,
)


def train(
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Any setting as KEY=VALUE, e.g. epochs=50 imgsz=320.", metavar="[KEY=VALUE]..."),
    ] = None,
    data: Annotated[str, typer.Option(help="A registered dataset, or a data.yaml.")] = "",
    model: Annotated[str, typer.Option(help="yolo26n.yaml (from scratch), yolo26n (pretrained), or a .pt file.")] = "",
    project: ProjectOption = "default",
    session: SessionOption = None,
    name: NameOption = "",
    tag: TagOption = None,
    note: NoteOption = "",
    detach: DetachOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Train a model: record the run, start it, watch it. Ctrl-C stops the watching, not the run."""
    from workbench.cli.live import announce, watch_run
    from workbench.config.schema import TrainingConfig

    pairs = read_pairs(settings or [])
    pairs.update({key: value for key, value in (("data", data), ("model", model)) if value})
    run = open_workspace(workspace).train(
        TrainingConfig.from_text(pairs), project=project, session=session, name=name, tags=tuple(tag or ()), note=note
    )
    if detach:
        announce(run, json)
        return
    if not json:
        output.say(f"Run '{run.id}'. Ctrl-C stops watching; `workbench runs cancel {run.id}` stops the run.")
    result = watch_run(run, quiet=json)
    headline = result.headline
    output.show(
        result.model_dump(mode="json"),
        json,
        lambda: output.facts(
            {
                headline.name if headline else "": headline.value if headline else None,
                "images": result.images,
                "took": output.duration(result.seconds),
                "checkpoint": run.checkpoint,
                "notebook": run.notebook,
            }
        ),
    )


def read_pairs(words: list[str]) -> dict[str, str]:
    """Return ``KEY=VALUE`` words as a dict.

    Raises:
        ConfigError: when a word is no pair.
    """
    from workbench.errors import ConfigError

    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"'{word}' is no setting.", "KEY=VALUE, e.g. epochs=50.", "Write it with an equals sign.")
        pairs[key] = value
    return pairs
