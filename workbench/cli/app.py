"""The command line put together, and its exit status.

Exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import cast

import typer

from workbench.cli import (
    browse,
    chat,
    dashboard,
    datasets,
    demo,
    deployments,
    derive,
    doctor,
    exports,
    history,
    lab,
    measure,
    models,
    output,
    projects,
    running,
    runs,
    schedule,
    sessions,
    trackers,
    train,
)
from workbench.errors import RequestError, WorkbenchError

INTERRUPTED = 130
# ClickException: of click itself, or of the copy of it that newer typers carry inside.
_REFUSED = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])

app = typer.Typer(
    name="workbench",
    help="Train, export and serve vision models; every run is an executed notebook.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    doctor.init,
    doctor.doctor,
    demo.demo,
    lab.lab,
    dashboard.dashboard,
    train.train,
    measure.predict,
    measure.evaluate,
    chat.chat,
    exports.export,
    deployments.deploy,
    doctor.clean,
):
    app.command()(command)
for verb in (*running.VERBS, *history.VERBS):
    runs.app.command()(verb)
for dataset_verb in (*browse.VERBS, *derive.VERBS):
    datasets.app.command()(dataset_verb)
for noun in (projects, sessions, datasets, models, runs, schedule, exports, deployments, trackers):
    app.add_typer(noun.app, name=noun.NAME)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit status."""
    output.spell_out()
    as_json = "--json" in arguments
    try:
        words = [_legible(word) for word in arguments]
        status = typer.main.get_command(app)(words, prog_name="workbench", standalone_mode=False)
    except WorkbenchError as problem:
        output.error(problem, as_json)
        return problem.exit_status
    except _REFUSED as problem:
        if as_json:
            output.error(RequestError(problem.format_message(), todo="See `workbench --help`."), as_json)
        else:
            problem.show()
        return 2
    except UnicodeEncodeError as problem:
        refused = RequestError(
            f"The encoding of this locale, {problem.encoding}, cannot name the file '{problem.object}'.",
            "A locale with UTF-8.",
            "Set LC_ALL=C.UTF-8 or PYTHONUTF8=1.",
        )
        output.error(refused, as_json)
        return refused.exit_status
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:
        output.error(
            WorkbenchError("Interrupted.", todo="A run that was started goes on: see `workbench runs list`."), as_json
        )
    return status if isinstance(status, int) else 0


def _legible(word: str) -> str:
    """Return a word as it was typed, where Python took it for ASCII: bytes of UTF-8 that it has escaped."""
    if any("\udc80" <= char <= "\udcff" for char in word):
        with suppress(UnicodeError):
            return os.fsencode(word).decode("utf-8")
    return word
