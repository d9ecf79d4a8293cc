"""Two files of predictions picture by picture."""

import json

import pytest

from diptych.cli.main import main
from diptych.config import UserError
from diptych.evaluation.scoring import ScoreRequest, score_files
from diptych.evaluation.wins import Wins


def test_wins_count_equal_pictures_half():
    wins = Wins.of([1.0, 2.0, 3.0, 0.0], [0.0, 2.0, 1.0, 5.0])
    assert (wins.better, wins.equal, wins.worse) == (2, 1, 1)
    assert wins.rate == 2.5 / 4
    assert wins.interval.low < wins.rate < wins.interval.high
    back = Wins.of([0.0, 2.0, 1.0, 5.0], [1.0, 2.0, 3.0, 0.0])
    assert back.rate == 1 - wins.rate
    assert back.p == wins.p


def test_nobody_wins_against_himself():
    wins = Wins.of([0.1 + 0.2] * 5, [0.3] * 5)
    assert (wins.equal, wins.rate, wins.p) == (5, 0.5, 1.0)


@pytest.fixture
def files(tmp_path):
    references = {"a": ["a dog runs on grass", "the dog runs"], "b": ["two cats sleep there"], "c": ["a red car"]}
    good = {"a": "a dog runs on grass", "b": "two cats sleep there", "c": "a red car"}
    poor = {"a": "a man", "b": "two cats sleep there", "c": "a car that is very red"}
    paths = {}
    for name, content in {"references": references, "good": good, "poor": poor, "few": {"a": "a dog"}}.items():
        paths[name] = tmp_path / f"{name}.json"
        paths[name].write_text(json.dumps(content))
    return paths


def test_the_better_file_wins_where_they_differ(files, capsys):
    command = ["score", str(files["good"]), str(files["references"]), "--against", str(files["poor"]), "--no-java"]
    assert main([*command, "--json", "--language", "en"]) == 0
    against = json.loads(capsys.readouterr().out)["against"]
    for name in ("cider_d", "rouge_l"):
        assert (against["wins"][name]["better"], against["wins"][name]["equal"]) == (2, 1)
    assert against["mean_lengths"] == pytest.approx([4, 4])
    assert main([*command, "--language", "en"]) == 0
    assert "words a caption: 4.00, against 4.00" in capsys.readouterr().out


def test_files_of_other_pictures_cannot_be_held_together(files):
    request = ScoreRequest(files["good"], files["references"], "en", java=False, against=files["few"])
    with pytest.raises(UserError, match=r"--against .*few\.json: predictions: no caption for"):
        score_files(request)
