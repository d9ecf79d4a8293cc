"""A network that works with objects, poses or scenes says so; results tables keep its rows in a block of their own."""

import ast
import re
from pathlib import Path

TELLING = {"pose", "poses", "slot", "slots", "scene", "scenes", "symbols"}


def telling_words(tree: ast.AST) -> set[str]:
    """Words within the names of a module's code; not those of its docstrings."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {word for name in names for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)} & TELLING


def says_so(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "knows_objects" for node in ast.walk(tree))


def test_a_network_with_slots_poses_or_scenes_knows_of_objects(repository: Path):
    trees = {path: ast.parse(path.read_text("utf-8")) for path in (repository / "src/diptych/models").rglob("*.py")}
    told = {path.name: words for path, tree in trees.items() if (words := telling_words(tree)) and not says_so(tree)}
    assert told == {}
    assert sum(says_so(tree) for tree in trees.values()) >= 2


def test_a_word_within_a_name_is_found_and_a_part_of_a_word_is_not():
    code = "def f(num_slots): return transpose(self.pose_head)"
    assert telling_words(ast.parse(code)) == {"slots", "pose"}
