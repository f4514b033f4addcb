"""What was made of models, in words: exports with their proof, and deployments.

What lives here: both lists from the facts that were handed in; what is not known is said to be unknown. What does not:
making them.
"""

from __future__ import annotations

from typing import Final

from workbench.chat.cleaning import clean, clean_name
from workbench.chat.context import Context, EndpointFact, ExportFact
from workbench.chat.messages import say
from workbench.chat.replies.runs import run_state
from workbench.chat.turn import Language

TOPICS: Final = ("exports", "deployments")
_LISTED: Final = 5


def made(topic: str, context: Context, language: Language) -> list[str]:
    """Return what there is of ``exports`` or ``deployments``, one a line."""
    found = context.exports if topic == "exports" else context.endpoints
    if found is None:
        return [say("answer.made_unknown", language)]
    if not found:
        return [say(f"answer.no_{topic}", language)]
    lines = [f"- {_export(each, language)}" for each in context.exports or ()] if topic == "exports" else []
    lines += [f"- {_endpoint(each, context, language)}" for each in context.endpoints or ()] if not lines else []
    left = len(lines) - _LISTED
    more = [say("answer.more", language, count=left)] if left > 0 else []
    return [say(f"answer.{topic}", language, count=len(lines)), *lines[:_LISTED], *more]


def _export(export: ExportFact, language: Language) -> str:
    told = {"export": clean_name(export.id), "run": clean_name(export.run), "format": clean_name(export.format)}
    if export.state == "completed":
        return say("answer.export_done", language, proof=_proof(export, language), **told)
    return say("answer.export_going", language, state=run_state(export.state, language), **told)


def _endpoint(endpoint: EndpointFact, context: Context, language: Language) -> str:
    told = {"name": clean_name(endpoint.name), "export": clean_name(endpoint.export)}
    if not endpoint.running:
        return say("answer.deployment_off", language, **told)
    proof = _proof(context.export(endpoint.export), language)
    return say("answer.deployment_on", language, url=clean(endpoint.url), proof=proof, **told)


def _proof(export: ExportFact | None, language: Language) -> str:
    key = {True: "proven", False: "unproven", None: "unknown"}[export.proven if export else None]
    return say(f"label.proof.{key}", language)
