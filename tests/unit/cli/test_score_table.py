"""`diptych score` and `diptych evaluate` show the same metric in the same unit."""

import json
import re

from diptych.cli.main import main
from diptych.cli.score import LABELS
from diptych.cli.terminal.tables import value_text
from diptych.metrics.captions.units import is_share

PREDICTIONS = {"1": "a dog runs on grass", "2": "two cats", "3": "a red ball"}
REFERENCES = {
    "1": ["a dog runs", "the dog is running"],
    "2": ["two cats sleep"],
    "3": ["a red ball on grass", "a ball"],
}


def test_shares_are_in_per_cent_in_both_tables_and_between_0_and_1_in_both_files(tmp_path, capsys):
    files = tmp_path / "predictions.json", tmp_path / "references.json"
    for path, captions in zip(files, (PREDICTIONS, REFERENCES), strict=True):
        path.write_text(json.dumps(captions))
    words = ["score", *map(str, files), "--no-java", "--train", str(files[1])]
    assert main([*words, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)["values"]
    assert main(words) == 0
    table = capsys.readouterr().out
    for key, value in values.items():
        shown = re.search(rf"^{re.escape(LABELS[key])} +([\d.,]+)( %)?", table, flags=re.MULTILINE)
        as_evaluated = value_text(value, percent=is_share(key))
        assert bool(shown[2]) == as_evaluated.endswith("%") == is_share(key), key
        assert abs(float(shown[1]) - (100 if is_share(key) else 1) * value) < 0.006, key
        assert not is_share(key) or 0 <= value <= 1
