"""Every command that README and docs name is one that diptych understands."""

import argparse
import importlib
import re
import shlex

import pytest

from diptych.cli.main import COMMANDS
from diptych.cli.train import with_sweep
from diptych.config.composition import compose
from diptych.config.search_space import read_space, typed

PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md")
OUTSIDE = "--config-dir"  # needs a researcher's own folder: tests/smoke walks through that


def _commands(text):
    blocks = re.findall(r"```(?:bash)?\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(diptych [^`]+)`", text)
    return [line.split("  #")[0].strip() for line in lines if line.strip().startswith("diptych ")]


def _with_one_value(override):
    """Of what a sweep or a search varies, one."""
    fixed, space = read_space([override])
    return fixed[0] if fixed else f"{space[0].key}={typed(space[0].values.example)}"


@pytest.fixture(scope="module")
def commands(repository):
    pages = [path for pattern in PAGES for path in repository.glob(pattern)]
    assert len(pages) >= 14
    return sorted({command for page in pages for command in _commands(page.read_text("utf-8"))})


def test_the_pages_name_commands_at_all(commands):
    assert len([c for c in commands if c.startswith("diptych train")]) >= 4
    assert {shlex.split(c)[1] for c in commands} <= set(COMMANDS)


def test_every_train_command_composes(commands):
    for command in commands:
        words = with_sweep(shlex.split(command)[2:])
        if command.startswith("diptych train ") and OUTSIDE not in words and "…" not in command:
            of_the_run = [w for w in words if not w.startswith(("-", "hydra")) and w not in ("job",)]
            overrides = [_with_one_value(override) for override in of_the_run]
            assert compose([o.replace("FOLDER", "pictures") for o in overrides])["system"], command


def test_every_other_command_is_understood(commands):
    for command in commands:
        name, *words = shlex.split(command)[1:]
        if name != "train" and words and "…" not in command and "..." not in command:
            parser = argparse.ArgumentParser(prog=name, exit_on_error=False)
            importlib.import_module(f"diptych.cli.{name}").add_arguments(parser)
            assert vars(parser.parse_intermixed_args(words)), command


def test_the_pictures_of_the_pages_are_there_and_small(repository):
    shown = [
        page.parent / place
        for page in (repository / "README.md", *(repository / "docs").rglob("*.md"))
        for place in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    ]
    assert repository / "docs" / "images" / "demo.png" in shown
    assert [place for place in shown if not place.is_file() or place.stat().st_size >= 200_000] == []
