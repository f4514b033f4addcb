"""What no file of the product may hold, and what every one must."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from workbench import errors
from workbench.settings import Settings

# The brackets keep this file from finding itself.
_POSTPONED = re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b")
_MACHINE_PATH = re.compile(r"(?<![\w.:/>}-])/(?:home|Users|root|work|tmp|mnt|srv)/(?!someone\b)\w")
_DRAWN = re.compile(r"^ {4}(?P<branches>(?:│   |    )*)(?P<tip>├── |└── )?(?P<name>\w+Error)\s{2,}\S")
_SERVED_WITH = {
    *("onnxruntime", "numpy", "cv2", "PIL", "starlette", "orjson", "jwt"),
    *("prometheus_client", "uvicorn", "multipart", "python_multipart"),
}


def _found(sources, matches):
    return [source.at(node) for source in sources for node in source.nodes if matches(node)]


def _calls(node, name):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _imported(node):
    """Return the modules that an import names, in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names] if not node.level else ["." * node.level]
    return []


def test_nothing_is_swallowed_by_a_bare_except(everything):
    assert _found(everything, lambda node: isinstance(node, ast.ExceptHandler) and node.type is None) == []


def test_the_product_prints_nothing_past_its_output_module(product):
    assert _found(product, lambda node: _calls(node, "print")) == []


def test_input_is_refused_with_errors_not_with_asserts(product):
    assert _found(product, lambda node: isinstance(node, ast.Assert)) == []


def test_every_module_says_what_lives_in_it(product):
    assert len(product) > 50
    silent = [source.name for source in product if not (ast.get_docstring(source.tree) or "").strip()]
    assert silent == []


def _product_files(root):
    folders = ("workbench", "pipelines", "notebooks", "extensions", "tests", "constraints", ".ci")
    kinds = {".py", ".ipynb", ".md", ".toml", ".yml", ".yaml", ".txt", ".sh", ".js", ".ts", ".css", ""}
    paths = [*root.glob("*"), *(path for folder in folders for path in (root / folder).rglob("*"))]
    skipped = {"node_modules", "__pycache__", ".ipynb_checkpoints"}
    return [path for path in paths if path.is_file() and path.suffix in kinds and not skipped & set(path.parts)]


def _lines_with(root, pattern):
    return [
        f"{path.relative_to(root)}:{number}"
        for path in _product_files(root)
        if path.name not in {"LICENSE", ".coverage"}  # the second is what `make test` leaves
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_left_for_later_in_a_comment(root):
    assert _lines_with(root, _POSTPONED) == []


def test_no_file_names_a_path_of_one_machine(root):
    assert Path(__file__) in _product_files(root)
    assert _lines_with(root, _MACHINE_PATH) == []


def _reads_environment(node):
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
        return node.attr in {"environ", "environb", "getenv", "putenv", "unsetenv"}
    return isinstance(node, ast.ImportFrom) and node.module == "os" and "env" in " ".join(_imported(node))


def test_only_the_settings_read_the_environment(product):
    readers = {place.partition(":")[0] for place in _found(product, _reads_environment)}
    assert readers == {"workbench/settings.py"}


def test_serving_travels_alone(product):
    serving = [source for source in product if source.name.startswith("workbench/serving/")]
    assert serving
    known = sys.stdlib_module_names | _SERVED_WITH
    foreign = [
        f"{source.at(node)} {name}"
        for source in serving
        for node in source.nodes
        for name in _imported(node)
        if name.partition(".")[0] not in known and not name.startswith(("workbench.errors.", "workbench.serving"))
    ]
    assert foreign == []


def test_every_setting_is_documented():
    silent = [name for name, field in Settings.model_fields.items() if len(field.description or "") < 10]
    assert silent == []


def _tree_in(docstring):
    """Return the drawn tree as child to parent."""
    parents, line_of = {}, {}
    for line in docstring.splitlines():
        if match := _DRAWN.match(line):
            depth = len(match["branches"]) // 4 + bool(match["tip"])
            parents[match["name"]] = line_of.get(depth - 1)
            line_of[depth] = match["name"]
    return parents


def _classes(source):
    """Return the error classes that a file defines as child to the base that it names first."""
    return {
        node.name: ast.unparse(node.bases[0])
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and node.bases and ast.unparse(node.bases[0]).endswith("Error")
    }


def test_the_error_tree_is_drawn_as_it_is():
    real = {
        name: None if kind is errors.WorkbenchError else kind.__base__.__name__
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.WorkbenchError)
    }
    assert len(real) > 10
    assert _tree_in(errors.__doc__) == real


def test_errors_born_elsewhere_are_drawn_where_they_live(product):
    for source in product:
        if source.name != "workbench/errors.py" and (born := _classes(source)):
            drawn = _tree_in(f"{ast.get_docstring(source.tree)}")
            assert set(drawn) == set(born), source.name
            assert {name: base for name, base in drawn.items() if base} == {
                name: base for name, base in born.items() if base in born
            }, source.name
