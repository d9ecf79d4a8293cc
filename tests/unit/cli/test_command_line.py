"""Laws of `diptych` itself: quick to help, silent about what it does not need."""

import importlib
import json
import re
import subprocess
import sys

import pytest

from diptych.cli.main import COMMANDS, main
from diptych.systems.schedules import Trapezoid

HEAVY = ("torch", "hydra", "omegaconf", "pytorch_lightning", "numpy", "PIL", "wandb", "sklearn", "matplotlib")


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_help_needs_nothing_heavy():
    loaded = modules_after("from diptych.cli.main import main\ntry:\n  main(['--help'])\nexcept SystemExit: pass")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_a_command_s_help_needs_nothing_heavy(name):
    loaded = modules_after(
        f"from diptych.cli.main import main\ntry:\n  main(['{name}', '--help'])\nexcept SystemExit: pass"
    )
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_every_command_explains_itself(name, capsys):
    assert main([name, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert " ".join(importlib.import_module(f"diptych.cli.{name}").__doc__.split())[:40] in said


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_nothing_is_answered_with_help(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert "commands:" in capsys.readouterr().out


def test_an_unknown_command_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as left:
        main(["draw"])
    assert left.value.code == 2
    assert "invalid choice: 'draw'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (
            lambda: json.loads("{"),
            1,
            r"diptych doctor: JSONDecodeError: .*\(raised in .*decoder\.py:\d+, in \w+; --debug",
        ),
        (
            lambda: int("many"),
            1,
            r"diptych doctor: ValueError: invalid literal .*test_command_line\.py:\d+, in <lambda>",
        ),
        (lambda: Trapezoid(1, decay_images=0), 2, r"diptych doctor: schedule\.decay_images=0: .*no schedule\n$"),
    ],
)
def test_the_fault_of_a_program_does_not_pass_as_the_user_s(monkeypatch, capsys, fault, code, says):
    monkeypatch.setattr("diptych.cli.doctor.run", lambda args: fault())
    assert main(["doctor"]) == code
    assert re.search(says, capsys.readouterr().err, re.DOTALL)
