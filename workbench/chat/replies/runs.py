"""Runs in words: how one is doing, and two or more side by side.

What lives here: status and comparison from the facts that were handed in; what is not known is said to be unknown. What
does not: the runs themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from workbench.chat.cleaning import clean, clean_name
from workbench.chat.context import Context, RunFact
from workbench.chat.messages import has, metric, named, say, shown
from workbench.chat.turn import Language, Target
from workbench.config import limits

_ALIVE: Final = ("running", "queued", "cancelling")
_COMPARED: Final = 6  # runs, and metrics
_REASON_LONGEST: Final = 300


def status(target: Target, context: Context, language: Language) -> list[str]:
    """Return how the run that is meant is doing: the named one, the current one, one that is alive, or the newest."""
    if not context.runs:
        return [say("answer.no_runs", language)]
    if target.run is not None:
        found = _named(target.run, context)
        return _standing(found, language) if found else [_missing(target.run, language)]
    by_likelihood = sorted(context.runs, key=lambda run: (run.id != context.run, run.state not in _ALIVE))
    meant, rest = by_likelihood[0], by_likelihood[1:]
    alive = ", ".join(clean_name(run.id) for run in rest if run.state in _ALIVE)
    return [*_standing(meant, language), *([say("answer.also_alive", language, runs=alive)] if alive else [])]


def compared(target: Target, context: Context, language: Language) -> list[str]:
    """Return runs side by side: the named ones, or the two newest trainings."""
    missing = [_missing(name, language) for name in target.runs if _named(name, context) is None]
    if missing:
        return missing
    chosen = _chosen(target, context)
    if len(chosen) < 2:
        return [say("answer.compare_needs_two", language, count=len(chosen))]
    heading = say("answer.compare", language, runs=", ".join(clean_name(run.id) for run in chosen))
    return [heading, *_figures(chosen, language), *_ranking(chosen, language), *_settings(chosen, language)]


def run_state(state: str, language: Language) -> str:
    """Return a state of a run in words."""
    key = f"label.state.{state}"
    return say(key if state and has(key) else "label.state.unknown", language)


def headline_named(run: RunFact) -> str:
    """Return what a run's main score is called, e.g. ``mAP50-95(B)``."""
    return clean_name(run.headline_name.removeprefix("metrics/")) or "score"


def _standing(run: RunFact, language: Language) -> list[str]:
    state = run_state(run.state, language)
    if run.name and run.name != run.id:
        lines = [say("answer.run_named", language, run=clean_name(run.id), name=clean_name(run.name), state=state)]
    else:
        lines = [say("answer.run", language, run=clean_name(run.id), state=state)]
    if run.kind == "train" and run.state != "queued":
        lines += [_progress(run, language), _score(run, language)]
    if run.reason:
        lines.append(say("answer.reason", language, reason=clean(run.reason)[:_REASON_LONGEST]))
    return [" ".join(lines)]


def _progress(run: RunFact, language: Language) -> str:
    if run.epoch is None:
        return say("answer.epoch_unknown", language)
    if run.epochs is None:
        return say("answer.epoch_alone", language, epoch=run.epoch)
    return say("answer.epoch", language, epoch=run.epoch, epochs=run.epochs)


def _score(run: RunFact, language: Language) -> str:
    if run.headline is None:
        return say("answer.no_headline", language)
    return say("answer.headline", language, name=headline_named(run), value=metric(run.headline))


def _chosen(target: Target, context: Context) -> list[RunFact]:
    asked = [run for name in target.runs if (run := _named(name, context)) is not None]
    newest = [run for run in context.runs if run.kind == "train" and run not in asked]
    wanted = [*asked, *newest[: max(0, 2 - len(asked))]]
    return list({run.id: run for run in wanted}.values())[:_COMPARED]


def _figures(runs: Sequence[RunFact], language: Language) -> list[str]:
    def row(key: str, told: Callable[[RunFact], str], **more: Any) -> str:
        values = " | ".join(told(run) for run in runs)
        return f"- {say(f'answer.{key}', language, values=values, **more)}"

    unknown = say("answer.unknown_value", language)

    def number(value: float | None) -> str:
        return unknown if value is None else metric(value)

    lines = [row("compare_state", lambda run: run_state(run.state, language))]
    lines.append(row("compare_epochs", lambda run: unknown if run.epoch is None else str(run.epoch)))
    if len({run.headline_name for run in runs}) == 1:
        lines.append(row("compare_headline", lambda run: number(run.headline), name=headline_named(runs[0])))
    main = {run.headline_name for run in runs}
    shared = [name for name in runs[0].metrics if name not in main and all(name in run.metrics for run in runs)]
    return [*lines, *(_metric_row(name, row, number) for name in shared[:_COMPARED])]


def _metric_row(name: str, row: Callable[..., str], number: Callable[[float | None], str]) -> str:
    return row("compare_metric", lambda run: number(run.metrics[name]), name=clean_name(name.removeprefix("metrics/")))


def _ranking(runs: Sequence[RunFact], language: Language) -> list[str]:
    if any(run.headline is None for run in runs):
        return [say("answer.compare_no_figures", language)]
    if len({run.headline_name for run in runs}) > 1:
        return [say("answer.compare_other_metric", language)]
    first, second = sorted(runs, key=lambda run: -(run.headline or 0.0))[:2]
    name = headline_named(first)
    lead = metric((first.headline or 0.0) - (second.headline or 0.0))
    if lead == "0":
        return [say("answer.compare_equal", language, name=name)]
    return [say("answer.compare_better", language, run=clean_name(first.id), difference=lead, name=name)]


def _settings(runs: Sequence[RunFact], language: Language) -> list[str]:
    names = dict.fromkeys(name for run in runs for name in run.config if name in limits.fields())
    rows = {name: [run.config.get(name, limits.default(name)) for run in runs] for name in names}
    differing = {name: values for name, values in rows.items() if any(value != values[0] for value in values)}
    if not differing:
        return [say("answer.compare_config_same", language)]
    lines = [_setting(name, values, language) for name, values in differing.items()]
    return [say("answer.compare_config", language), *lines]


def _setting(name: str, values: Sequence[Any], language: Language) -> str:
    told = " | ".join(clean_name(shown(name, value, language)) for value in values)
    return f"- {say('answer.compare_value', language, field=named(name, language), values=told)}"


def _named(name: str, context: Context) -> RunFact | None:
    by_id = next((run for run in context.runs if run.id == name), None)
    return by_id or next((run for run in context.runs if run.name == name), None)


def _missing(name: str, language: Language) -> str:
    return say("answer.no_such_run", language, run=clean_name(name))
