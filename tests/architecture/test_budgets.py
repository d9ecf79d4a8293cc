"""Small files with one question each, short functions: the style page's sizes, held by a test."""

import ast
import statistics
from pathlib import Path

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400


def _functions(source: Path) -> dict[str, int]:
    sizes = {}
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                sizes[f"{path.relative_to(source)}:{node.lineno} {node.name}"] = lines
    return sizes


def test_no_function_outgrows_a_screen(repository: Path):
    too_long = {name: lines for name, lines in _functions(repository / "src").items() if lines > MAX_FUNCTION_LINES}
    assert not too_long


def test_functions_stay_short_on_the_whole(repository: Path):
    sizes = sorted(_functions(repository / "src").values())
    assert statistics.median(sizes) <= 10
    assert sizes[int(0.9 * len(sizes))] <= 35


def test_no_file_answers_too_many_questions(repository: Path):
    lengths = {p.name: len(p.read_text().splitlines()) for p in (repository / "src").rglob("*.py")}
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES}


def test_no_module_postpones_annotations(repository: Path):
    """jaxtyping checks shapes at run time only where annotations are real objects."""
    postponed = [p for p in (repository / "src").rglob("*.py") if "from __future__ import annotations" in p.read_text()]
    assert not postponed


def test_every_public_name_in_src_says_what_it_is(repository: Path):
    silent = []
    for path in sorted((repository / "src").rglob("*.py")):
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            silent.append(str(path))
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                silent.append(f"{path}:{node.lineno} {node.name}")
    assert not silent
