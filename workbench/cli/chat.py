"""``workbench chat``."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace
from workbench.errors import ConflictError, WorkbenchError

if TYPE_CHECKING:
    from workbench.chat.conversation import Conversation
    from workbench.conversations import Answer, Conversations

EngineOption = Annotated[
    str, typer.Option("--engine", help="What understands you: rules, gemini, or auto: gemini with a key, else rules.")
]


def chat(
    text: Annotated[
        list[str] | None, typer.Argument(help="What to say; left out, you talk line by line.", metavar="[TEXT]...")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="The project of a new session.")] = None,
    session: Annotated[str | None, typer.Option(help="The session's id or name.  [default: today's date]")] = None,
    engine: EngineOption = "auto",
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Confirm the card that the text leads to; without text, the one that waits."),
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Change the training config, ask and start things in words, in English or Korean."""
    from workbench.conversations import showing

    said = None if text is None else " ".join(text)
    front = open_workspace(workspace)
    desk = front.conversations
    if said is None and yes:  # what is confirmed is there already: a misspelt session must not be made
        found = front.projects.session(session, project)
        session, project = found["id"], found["project"]
    try:
        conversation = desk.open(session, project, engine)
        show_pauses(conversation)
        if said is not None:
            _say_once(desk, conversation, said, yes, json)
        elif yes:
            _confirm_open(desk, conversation, json)
        else:
            _talk(desk, conversation, engine, json)
    except WorkbenchError as error:
        raise (showing.told(error, "ko") if showing.is_korean(said or "") else error) from None


def show_pauses(conversation: Conversation) -> None:
    """Have pauses counted down on stderr, in the language of the conversation."""
    from workbench.chat import messages
    from workbench.conversations.engines import tell_pauses

    def show(seconds: float, _reason: str) -> None:
        text = messages.say("terminal.say.waiting", conversation.memory.language, seconds=math.ceil(seconds))
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    tell_pauses(conversation.engine, show)


def carry_out(desk: Conversations, answer: Answer) -> None:
    """Confirm a card; whoever has to wait for the engine is told so on stderr.

    Raises:
        WorkbenchError: what keeps it from being done.
    """
    from workbench.chat import messages

    if answer.card is not None and desk.needs_engine(answer.card):
        sys.stderr.write(f"{messages.say('terminal.say.starting', answer.turn.language)}\n")
        sys.stderr.flush()
    answer.confirm()


def _talk(desk: Conversations, conversation: Conversation, engine: str, json: bool) -> None:
    from workbench.cli import lines
    from workbench.cli.dialogue import Dialogue

    dialogue = Dialogue(desk, conversation, engine, as_json=json)
    if sys.stdin.isatty() and not json:
        dialogue.talk(lines.prompt(turn.text for turn in conversation.turns() if turn.text))
    elif status := dialogue.listen(lines.piped()):
        raise typer.Exit(status)


def _say_once(desk: Conversations, conversation: Conversation, text: str, yes: bool, json: bool) -> None:
    from workbench.chat import messages

    answer = desk.say(text, conversation)
    waits = answer.card is not None and answer.card.state == "open"
    if not json:
        output.say(str(answer))
    if waits and yes:
        carry_out(desk, answer)
        if not json:
            output.say(answer.outcome())
    elif waits and not json:
        place = desk.place(conversation)
        output.say(messages.say("terminal.say.how_to_confirm", answer.turn.language, session=place.session))
    if json:
        output.show(answer.to_payload(), json, lambda: None)


def _confirm_open(desk: Conversations, conversation: Conversation, json: bool) -> None:
    """Do what the card says that waits in a session.

    Raises:
        ConflictError: when none waits.
    """
    from workbench.conversations import Answer, showing

    session = desk.place(conversation).session
    waiting = next((turn for turn in reversed(conversation.turns()) if turn.card and turn.card.state == "open"), None)
    if waiting is None:
        raise showing.problem(ConflictError, "nothing_waits", conversation.memory.language, session=session)
    answer = Answer(desk, conversation, waiting)
    carry_out(desk, answer)
    output.show(answer.to_payload(), json, lambda: output.say(answer.outcome()))
