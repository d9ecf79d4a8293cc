from pathlib import Path

import pytest
from result_tables import declare

from diptych.reports.tables.declaration import read_tables
from diptych.reports.tables.standing import Inventory


@pytest.fixture
def folder(tmp_path) -> Path:
    return declare(tmp_path / "docs" / "results")


@pytest.fixture
def outputs(tmp_path) -> Path:
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


@pytest.fixture
def inventory(folder, outputs) -> Inventory:
    return Inventory(read_tables(folder), folder, outputs)
