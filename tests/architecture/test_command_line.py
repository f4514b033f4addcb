"""What every command promises, and that every command which a message or a document advises exists."""

from __future__ import annotations

import ast
import re
import shlex

import pytest
import typer

from workbench.cli.app import app, run

_ADVISED = re.compile(r"`workbench((?: [^`\n]*)?)`")
_OPERATORS = {"|", "||", "&", "&&", ";", ">", ">>", "<", "(", ")"}
WITHOUT_JSON = {"lab"}  # it hands the terminal to JupyterLab


@pytest.fixture(scope="module")
def tree():
    return typer.main.get_command(app)


def _leaves(command, name=""):
    if not hasattr(command, "commands"):
        return {name: command}
    return {
        leaf: found
        for child, sub in command.commands.items()
        for leaf, found in _leaves(sub, f"{name} {child}".strip()).items()
    }


def _options(command):
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def _complaint(command, words, whole):
    """Return what is wrong with ``words`` after ``workbench``, or nothing.

    Args:
        command: the root of the command tree.
        words: what stands after ``workbench``.
        whole: whether the line is complete, so that arguments and values count too.
    """
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] not in command.commands:
            return f"no command '{rest[0]}'"
        command = command.commands[rest.pop(0)]
    unknown = [word for word in rest if re.match(r"--?[a-zA-Z]", word)]
    unknown = [word for word in unknown if word.partition("=")[0] not in _options(command) | {"--help"}]
    if unknown:
        return f"no option {unknown[0]}"
    if not whole or "--help" in rest:
        return None
    if hasattr(command, "commands"):
        return f"'{' '.join(words)}' is no whole command"
    try:
        command.make_context("workbench", rest)
    except typer.BadParameter.__mro__[1] as error:  # UsageError, wherever this typer keeps it
        return error.format_message()
    return None


def test_every_command_takes_a_workspace_and_answers_in_json(tree):
    leaves = _leaves(tree)
    assert len(leaves) > 20
    assert [name for name, command in leaves.items() if "--workspace" not in _options(command)] == []
    assert {name for name, command in leaves.items() if "--json" not in _options(command)} == WITHOUT_JSON


def test_every_command_and_option_says_what_it_does(tree):
    for name, command in _leaves(tree).items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", "") or parameter.name == "help", f"{name} {parameter.name}"


@pytest.mark.parametrize("line", ["nonsense", "train --nonsense", "runs show", "runs cancel", "deploy --port many"])
def test_a_wrong_request_is_refused_with_status_2(line, capsys):
    assert run(line.split()) == 2
    assert capsys.readouterr().err.strip()


def _texts(source):
    """Return the strings of a file, with a word in place of what is filled in."""
    inside = {id(part) for node in source.nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in source.nodes:
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "FILLED" for part in node.values]
            yield node, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node, node.value


def test_commands_that_messages_advise_exist(product, tree):
    advised = [
        (source.at(node), match[1])
        for source in product
        for node, text in _texts(source)
        for match in _ADVISED.finditer(text)
    ]
    assert len(advised) > 20
    wrong = [f"{place}: `workbench{words}`: {_complaint(tree, words.split(), False)}" for place, words in advised]
    assert [line for line in wrong if not line.endswith(": None")] == []


def _command_lines(document):
    for block in document.blocks("sh", "bash", "shell", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words and words[0] == "workbench":
                end = next((place for place, word in enumerate(words) if word in _OPERATORS), len(words))
                yield words[1:end]


def test_command_lines_of_the_documents_parse(readme, contributing, tree):
    lines = [*_command_lines(readme), *_command_lines(contributing)]
    assert lines
    wrong = {" ".join(words): _complaint(tree, words, True) for words in lines}
    assert {line: complaint for line, complaint in wrong.items() if complaint} == {}


def test_commands_that_the_documents_advise_in_passing_exist(readme, contributing, tree):
    advised = _ADVISED.findall(readme.prose) + _ADVISED.findall(contributing.prose)
    assert advised
    wrong = {words: _complaint(tree, words.split(), False) for words in advised}
    assert {line: complaint for line, complaint in wrong.items() if complaint} == {}
