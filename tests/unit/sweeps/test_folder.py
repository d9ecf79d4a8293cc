"""Messages about a sweep's damaged files name the file and the fix."""

import re

import pytest

from diptych.config import UserError
from diptych.sweeps.control import command_of
from diptych.sweeps.folder import SweepFolder

PLANNED = '{"at": "x", "event": "planned", "job": 0, "run_id": "r", "arguments": []}'


@pytest.fixture
def folder(tmp_path):
    return SweepFolder(tmp_path, tmp_path)


@pytest.mark.parametrize(
    "content",
    ['{"event": "started", "job": 7}', PLANNED + '\n{"event": "started", "job": 0}', "xx\n" + PLANNED],
)
def test_a_damaged_ledger_is_named(content, folder):
    folder.ledger.path.write_text(content + "\n")
    with pytest.raises(UserError, match=re.escape(f"{folder.ledger.path} is damaged (")):
        folder.jobs()


@pytest.mark.parametrize("content", ["", "x: [", "3", "[3]", "[{}]", "\0"])
def test_a_damaged_list_of_calls_is_named(content, folder):
    folder.request.write_text(content)
    with pytest.raises(UserError, match=re.escape(f"{folder.request} is damaged (")):
        command_of(folder)
    with pytest.raises(UserError, match="delete it, and rerun the sweep's command"):
        folder.write_request({"command": ["diptych"]})


def test_the_command_of_a_sweep_is_its_latest_call(folder):
    assert command_of(folder) == f"diptych train -m --sweep {folder.name} …"
    for seed in ("seed=0", "seed=0,1 2"):
        folder.write_request({"command": ["diptych", "train", seed]})
    assert command_of(folder) == "diptych train 'seed=0,1 2'"
