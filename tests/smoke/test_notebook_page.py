"""Every block of docs/notebook.md, typed in its order into one Python, in an empty folder."""

import re
import sys

import pytest

import diptych
from diptych.reports.results.columns import COLUMNS

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(r"^\| `(\w+)` \| (.*) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def page(repository) -> str:
    return (repository / "docs" / "notebook.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those that Lightning gives to anybody
def test_every_block_can_be_typed(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    names: dict = {}
    blocks = BLOCK.findall(page)
    of_pandas = [number for number, block in enumerate(blocks) if "diptych.results" in block]
    assert len(blocks) >= 9
    for number, block in enumerate(blocks):
        if number == of_pandas[0]:
            pytest.importorskip("pandas", reason="pandas is an extra: pip install 'diptych[notebooks]'")
        exec(compile(block, f"docs/notebook.md, block {number + 1}", "exec"), names)
    said = capsys.readouterr().out
    assert "there is no optimizer.learning_rate to set; optimizer has lr, betas, weight_decay" in said
    assert said.count("; one reference: ") == 3
    assert names["system"].images_seen == names["generator"].images_seen > 0


def test_the_page_explains_every_column(page):
    assert dict(COLUMN.findall(page)) == COLUMNS


def test_the_package_offers_what_the_page_names():
    assert {"build", "compose", "load", "results"} <= set(dir(diptych)) & set(diptych.__all__)
