"""``workbench schedule``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, NoteOption, SessionOption, TagOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from workbench.schedules.collection import Schedules
    from workbench.schedules.model import Schedule
    from workbench.schedules.outlook import Outlook
    from workbench.schedules.scheduler import Watch

NAME = "schedule"
app = typer.Typer(help="Schedules: what is run again and again, and when.", no_args_is_help=True)
ScheduleName = Annotated[str, typer.Argument(help="The schedule's name.")]


@app.command()
def add(
    target: Annotated[
        str,
        typer.Argument(
            help="A notebook, a training config (.yaml, .json), or 'train' with settings.", metavar="TARGET"
        ),
    ],
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday: '0 2 * * *' is 02:00 every day.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Parameters or settings as NAME=VALUE, e.g. epochs=5.", metavar="[NAME=VALUE]..."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Whose clock, e.g. Asia/Seoul.  [default: this machine's]")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="The same as NAME=VALUE; may be given again.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call it.  [default: as the target]")] = "",
    project: Annotated[str, typer.Option("--project", help="The project to file its runs under.")] = "default",
    session: SessionOption = None,
    tag: TagOption = None,
    note: NoteOption = "",
    attempts: Annotated[int | None, typer.Option(help="How often a run is tried in all.")] = None,
    max_hours: Annotated[float | None, typer.Option(help="Hours after which a run is stopped.")] = None,
    priority: Annotated[int | None, typer.Option(help="Higher ones leave the queue first.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Run a notebook or a training again and again, at the times of a cron expression."""
    from workbench.cli.train import read_pairs
    from workbench.schedules.cron import Cron, local_timezone
    from workbench.schedules.model import Schedule
    from workbench.schedules.target import read_policy, read_target

    front = open_workspace(workspace)
    when = Cron(cron, timezone or local_timezone())
    policy = read_policy({"attempts": attempts, "max_hours": max_hours, "priority": priority})
    fields = read_target(target, read_pairs([*(settings or []), *(parameter or [])]), policy)
    if fields.get("config"):
        front.datasets.resolve(fields["config"]["data"])  # one that is not there would fail every night
    schedules = front.schedules
    made = schedules.add(
        Schedule(
            name=name or _default_name(target),
            cron=when.text,
            timezone=when.timezone,
            project=front.projects.ensure(project),
            session=session,
            tags=tuple(tag or ()),
            note=note,
            **fields,
        )
    )
    _show_added(schedules, made, json)


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the schedules, and say whether the next time will be met."""
    from workbench.schedules.outlook import outlook

    schedules = open_workspace(workspace).schedules
    rows = schedules.all()
    found = outlook(schedules)
    watch = schedules.watch() if rows else None
    output.show(
        {"schedules": [_payload(schedules, row, watch) for row in rows], "outlook": found.payload()},
        json,
        lambda: _say_list(schedules, rows, found),
    )


@app.command()
def show(name: ScheduleName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show one schedule: what it runs, its next five times, and what became of the last."""
    schedules = open_workspace(workspace).schedules
    found = schedules.get(name)
    value = _payload(schedules, found, schedules.watch())
    times = schedules.next_times(found)
    output.show(value, json, lambda: output.facts(_summary(found, times)))


@app.command()
def remove(name: ScheduleName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Remove a schedule; the runs that it started stay."""
    open_workspace(workspace).schedules.remove(name)
    output.show({"removed": name}, json, lambda: output.say(f"Schedule '{name}' is removed. Its runs stay."))


@app.command()
def run(name: ScheduleName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Start what a schedule runs now, once; its times stay as they are."""
    started = open_workspace(workspace).schedules.run(name)
    output.show(
        {"run": started.id, "state": started.state.value},
        json,
        lambda: output.say(f"Run '{started.id}' is started. Watch it: workbench runs watch {started.id}"),
    )


@app.command()
def start(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Start what wakes the schedules of this workspace, and leave it running."""
    from workbench.schedules.outlook import outlook

    schedules = open_workspace(workspace).schedules
    schedules.start()
    found = outlook(schedules)
    output.show({"outlook": found.payload()}, json, lambda: _say_outlook(found))


@app.command()
def unit(
    install: Annotated[bool, typer.Option("--install", help="Write it; else only print it.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Print or write the systemd user unit that wakes schedules from the start of the machine on."""
    from pipelines import systemd
    from workbench.schedules.outlook import outlook
    from workbench.settings import environment

    front = open_workspace(workspace)
    paths, variables = front.settings.engine, environment()
    file = systemd.install(paths, variables) if install else systemd.unit_file(variables)
    boot = systemd.look(paths, variables)
    value = {
        "unit": systemd.text(paths),
        "file": str(file),
        "systemd": boot.systemd,
        "installed": boot.installed,
        "boots": boot.boots,
        "commands": boot.commands(),
        "outlook": outlook(front.schedules).payload(),
    }
    output.show(value, json, lambda: _say_unit(file, systemd.text(paths), boot, install))


def _default_name(target: str) -> str:
    from pathlib import Path

    words = "".join(letter if letter.isalnum() and letter.isascii() else " " for letter in Path(target).stem.lower())
    return "-".join(words.split())[:80] or "schedule"


def _payload(schedules: Schedules, schedule: Schedule, watch: Watch | None) -> dict[str, Any]:
    from workbench.schedules.outlook import is_met

    times = schedules.next_times(schedule)
    return {
        **schedule.model_dump(mode="json"),
        "next": [time.isoformat() for time in times],
        "met": bool(watch and times and is_met(schedule, watch)),
    }


def _show_added(schedules: Schedules, made: Schedule, json: bool) -> None:
    from workbench.schedules.outlook import outlook

    found = outlook(schedules)
    output.show(
        {**_payload(schedules, made, schedules.watch()), "outlook": found.payload()},
        json,
        lambda: _say_added(made, schedules.next_times(made), found),
    )


def _say_added(schedule: Schedule, times: list[datetime], outlook: Outlook) -> None:
    output.say(f"Schedule '{schedule.name}' runs {_what(schedule)}. Its next times, {schedule.timezone}:")
    for time in times:
        output.say(f"  {_when(time)}")
    _say_outlook(outlook)


def _say_list(schedules: Schedules, rows: list[Schedule], outlook: Outlook) -> None:
    listed = []
    for row in rows:
        times = schedules.next_times(row, 1)
        following = _when(times[0]) if times else "never"
        listed.append((row.name, _what(row), row.cron, row.timezone, following, _last(row)))
    output.table(
        ("schedule", "what", "cron", "timezone", "next", "last"),
        listed,
        "No schedules yet. Make one: `workbench schedule add NOTEBOOK --cron '0 2 * * *'`.",
    )
    if rows:
        _say_outlook(outlook)


def _say_outlook(outlook: Outlook) -> None:
    output.say(outlook.says)
    if outlook.todo:
        output.say(outlook.todo)


def _say_unit(file: Path, text: str, boot: Any, installed: bool) -> None:
    if not installed:
        output.say(text)
    output.say(f"{'Written to' if installed else 'With --install it is written to'} {file}.")
    if not boot.systemd:
        output.say("This machine runs no systemd, so nothing reads it here.")
    elif boot.commands():
        output.say("Then, once:")
        for command in boot.commands():
            output.say(f"  {command}")
    else:
        output.say("It is in force.")


def _summary(schedule: Schedule, times: list[datetime]) -> dict[str, object]:
    return {
        "schedule": schedule.name,
        "what": schedule.notebook or "training",
        "parameters": _pairs(schedule.parameters if schedule.config is None else schedule.config),
        "policy": _pairs(schedule.policy),
        "cron": f"{schedule.cron} ({schedule.timezone})",
        "next": [_when(time) for time in times],
        "last": _last(schedule),
        "project": schedule.project,
        "tags": schedule.tags,
        "note": schedule.note,
    }


def _what(schedule: Schedule) -> str:
    from pathlib import Path

    if schedule.notebook:
        return Path(schedule.notebook).name
    return f"a training on {(schedule.config or {}).get('data', '')}"


def _last(schedule: Schedule) -> str:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    if schedule.last is None:
        return "not yet"
    when = _when(datetime.fromisoformat(schedule.last.due).astimezone(ZoneInfo(schedule.timezone)))
    return f"{when}: {schedule.last.run or schedule.last.error or 'interrupted before a run was recorded'}"


def _when(time: datetime) -> str:
    return f"{time:%a %Y-%m-%d %H:%M}"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
