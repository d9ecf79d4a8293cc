"""Notebooks that train run from a first cell to a last one, on a tiny budget."""

import importlib.util

import pytest

pytest.importorskip("nbclient", reason="notebooks are an extra: pip install 'diptych[notebooks]'")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "said"), [("own_data", "CIDEr-D"), ("sweep", "optimizer.lr")])
def test_a_notebook_that_trains_runs(name, said, repository, tmp_path):
    spec = importlib.util.spec_from_file_location("execute", repository / "notebooks" / "execute.py")
    assert spec
    assert spec.loader
    execute = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(execute)
    executed = execute.execute(repository / "notebooks" / f"{name}.ipynb", tmp_path)
    outputs = [output for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs]
    texts = "".join(
        str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", "")) for output in outputs
    )
    assert said in texts
    assert "Error" not in texts
    assert any("image/png" in output.get("data", {}) for output in outputs)
