"""A sweep's files that are damaged are named, with what to do."""

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
def test_a_ledger_that_tells_of_nothing_whole_is_named(content, folder):
    folder.ledger.path.write_text(content + "\n")
    with pytest.raises(UserError, match=re.escape(f"{folder.ledger.path} is damaged (")):
        folder.jobs()


@pytest.mark.parametrize("content", ["", "x: [", "3", "[3]", "[{}]", "\0"])
def test_a_request_that_cannot_be_read_is_named(content, folder):
    folder.request.write_text(content)
    with pytest.raises(UserError, match=re.escape(f"{folder.request} is damaged (")):
        command_of(folder)
    with pytest.raises(UserError, match="delete it, and type the sweep's command again"):
        folder.write_request({"command": ["diptych"]})


def test_the_latest_call_is_the_one_to_type_and_without_any_its_beginning(folder):
    assert command_of(folder) == f"diptych train -m --sweep {folder.name} …"
    for seed in ("seed=0", "seed=0,1 2"):
        folder.write_request({"command": ["diptych", "train", seed]})
    assert command_of(folder) == "diptych train 'seed=0,1 2'"
