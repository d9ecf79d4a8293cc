"""docs/data_sets.md has a row for each data set that there is, and no other."""

import re

from diptych.config.composition import options

ROW = re.compile(r"\| (`[^|]+`) \|")
COMMAND = re.compile(r"`diptych data \w+ (\w+)[^`]*` \|$")


def test_the_table_has_every_data_set_once(repository):
    lines = (repository / "docs" / "data_sets.md").read_text(encoding="utf-8").splitlines()
    names = [name for line in lines if (row := ROW.match(line)) for name in re.findall(r"`(\w+)`", row[1])]
    assert sorted(names) == sorted(options("data"))


def test_every_row_has_a_command_for_its_own_data_set(repository):
    lines = (repository / "docs" / "data_sets.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if ROW.match(line)]
    assert rows
    for row in rows:
        command = COMMAND.search(row)
        assert command, row
        assert command[1] in row.split("|")[1] or command[1] == "FOLDER"
