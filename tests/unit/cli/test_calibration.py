"""`python -m benchmarks.judge_calibration` takes an hour: what would fail at its end is refused at its beginning."""

import json

import pytest

from judge_calibration.__main__ import main


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    """The sides that are measured, in no time."""
    sides = []

    def calibrate(asked, plan, track):
        sides.extend(asked)
        entries = {str(side): {"conditions": [], "minimal_pairs": {}} for side in asked}
        return {"judge": 0, **vars(plan), "sides": entries}

    monkeypatch.setattr("judge_calibration.calibrate", calibrate)
    monkeypatch.setattr("diptych.world.judging.limits.JUDGE_VERSION", 0)
    return sides


def calibrated(*words) -> int:
    return main([*map(str, words)])


@pytest.mark.parametrize("where", ["missing/judge.json", "."])
def test_where_nothing_can_be_written_nothing_is_measured(where, tmp_path, measured, capsys):
    assert calibrated("--out", tmp_path / where) == 2
    assert f"--out {tmp_path / where} cannot be written" in capsys.readouterr().err
    assert not measured
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"{damaged", b"\xff\xfe", b"[]", b"{}", b'{"sides": 3}', b'{"sides": {"big": {}}}', b"[" * 100_000]
)
def test_a_file_that_is_no_calibration_is_named_and_kept(content, tmp_path, measured, capsys):
    file = tmp_path / "judge.json"
    file.write_bytes(content)
    assert calibrated("--out", file) == 2
    said = capsys.readouterr().err
    assert f"{file} is no calibration, or damaged" in said
    assert "delete it or name another with --out" in said
    assert file.read_bytes() == content
    assert not measured


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--num-pictures", "9"], "--num-pictures 9: give 10 or more"),
        (["--num-pictures", "-1"], "--num-pictures -1: give 10 or more"),
        (["--sides", "64", "16"], "--sides 16: give 32 to 512 pixels"),
        (["--sides", "1000000"], "--sides 1000000: give 32 to 512 pixels"),
    ],
)
def test_what_cannot_be_measured_or_would_be_ignored_is_refused(words, message, tmp_path, measured, capsys):
    assert calibrated(*words, "--out", tmp_path / "judge.json") == 2
    assert message in capsys.readouterr().err
    assert not measured


def test_a_calibration_goes_on_with_its_own_file_only(tmp_path, measured, capsys):
    file = tmp_path / "judge.json"
    assert calibrated("--sides", 32, 32, "--out", file) == 0
    assert calibrated("--sides", 64, "--out", file) == 0
    assert measured == [32, 64]
    assert list(json.loads(file.read_text())["sides"]) == ["32", "64"]
    assert calibrated("--seed", 2, "--out", file) == 2
    assert "was measured with another seed" in capsys.readouterr().err
