"""Outside `systems/`, code asks what a run can do, and never of which class, task or kind it is."""

import ast
from collections.abc import Iterator

import pytest

ALLOWED = {
    "runs/folder/find.py": "finds runs by what they were trained for",
    "runs/build.py": "names a class in messages",
    "config/components.py": "builds classes",
    "runs/load.py": "chooses the handle of a system",
}
SYSTEMS = {
    "System",
    "TextToImage",
    "GAN",
    "Captioner",
    "Classifier",
    "ClassifierSystem",
    "ImageTextEmbedding",
    "system_class",
}
HANDLES = {"Handle", "ImageGenerator", "ImageCaptioner", "ImageClassifier", "PairEmbedder"}
KINDS = {"kind", "task", "role", "__name__", "__qualname__"}


def switches(tree: ast.AST) -> Iterator[int]:
    """The lines that look at a class, a kind, a task or a `_target_` to decide."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes]) if _names(classes) & (
                SYSTEMS | HANDLES
            ):
                yield node.lineno
            case ast.Compare(left=left, comparators=others) if _compares_a_kind([left, *others]):
                yield node.lineno
            case ast.Match(subject=subject) if _is_kind(subject):
                yield node.subject.lineno
            case ast.Call(func=ast.Attribute(value=value, attr="startswith" | "endswith")) if _is_kind(value):
                yield node.lineno


def _names(classes: ast.expr) -> set[str]:
    nodes = list(ast.walk(classes))
    return {n.id for n in nodes if isinstance(n, ast.Name)} | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


def _compares_a_kind(sides: list[ast.expr]) -> bool:
    return any(map(_is_kind, sides)) and any(map(_is_constant, sides))


def _is_kind(node: ast.expr) -> bool:
    """`x.kind`, `type(x).__name__`, `node["_target_"]`, `node.get("_target_")`."""
    match node:
        case ast.Attribute(attr=attr):
            return attr in KINDS
        case ast.Subscript(slice=ast.Constant(value="_target_")):
            return True
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value="_target_"), *_]):
            return True
        case _:
            return False


def _is_constant(node: ast.expr) -> bool:
    """A text, a name in capitals, a class's own kind, or several of them."""
    match node:
        case ast.Constant(value=str()):
            return True
        case ast.Name(id=name):
            return name.isupper()
        case ast.Attribute(value=ast.Name(id=name), attr=attr):
            return attr in KINDS and name[:1].isupper()
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
            return any(map(_is_constant, elts))
        case _:
            return False


def test_no_file_outside_systems_switches_over_kinds(repository):
    source = repository / "src" / "diptych"
    found = [
        f"{path.relative_to(source)}:{line}"
        for path in sorted(source.rglob("*.py"))
        if path.relative_to(source).parts[0] != "systems" and path.relative_to(source).as_posix() not in ALLOWED
        for line in switches(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "isinstance(handle, ImageGenerator)",
        "isinstance(system, captioning.Captioner)",
        "isinstance(handle, (int, ImageCaptioner))",
        "evaluation.kind == 'skills'",
        "evaluation.kind in (KIND, FULL)",
        "evaluation.kind == Skills.kind",
        "evaluation.kind.endswith('robustness')",
        "node['_target_'] != ENDLESS",
        "type(system).__name__ == 'GAN'",
    ],
)
def test_switches_are_found(line):
    assert list(switches(ast.parse(line))) == [1]


@pytest.mark.parametrize(
    "line",
    ["isinstance(handle, GeneratesImages)", "one.kind == other.kind", "key == '_target_'", "layout == Layout.SKILLS"],
)
def test_what_asks_for_a_capability_is_none(line):
    assert list(switches(ast.parse(line))) == []
