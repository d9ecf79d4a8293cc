from dataclasses import replace

import pytest
from PIL import Image

from diptych.runs.results import Evaluation, Example, Figure, read, read_all, save


@pytest.fixture
def evaluation() -> Evaluation:
    example = Example(
        index=7,
        picture=Image.new("RGB", (8, 8), "red"),
        sentence="a red circle",
        told="a red ring",
        verdicts=(("shape", False),),
        words=("a", "red"),
        attention=([[0.25, 0.75]], [[1.0, 0.0]]),
        second_picture=Image.new("RGB", (8, 8), "blue"),
    )
    figures = [
        Figure.rate("fully true", [True, True, False], floor=0.1),
        Figure("perplexity", None, note="no captions"),
    ]
    return Evaluation("painter", "Painted", {"seed": 0, "num": 3}, figures, {"shape": 1}, ("a note",), [example])


def test_a_result_reads_back_as_it_was_saved(evaluation, tmp_path):
    again = read(save(evaluation, tmp_path, "best-scenes-test-0"))
    assert again.to_dict() == evaluation.to_dict()
    (before,), (after,) = evaluation.examples, again.examples
    assert after.picture.tobytes() == before.picture.tobytes()
    assert after.second_picture.tobytes() == before.second_picture.tobytes()
    assert replace(after, picture=before.picture, second_picture=before.second_picture) == before


def test_a_different_result_of_the_same_name_never_overwrites(evaluation, tmp_path):
    first = save(evaluation, tmp_path, "best")
    before = first.read_bytes()
    second = save(replace(evaluation, protocol={"seed": 0, "num": 9}), tmp_path, "best")
    third = save(replace(evaluation, protocol={"seed": 0, "num": 27}), tmp_path, "best")
    assert [path.name for path in (first, second, third)] == ["best.json", "best-2.json", "best-3.json"]
    assert first.read_bytes() == before
    assert [e.protocol["num"] for e in read_all(tmp_path)] == [3, 9, 27]


def test_the_same_result_is_kept_once(evaluation, tmp_path):
    assert save(evaluation, tmp_path, "best") == save(evaluation, tmp_path, "best")
    assert len(read_all(tmp_path)) == 1


def test_a_rate_carries_its_interval_and_number():
    figure = Figure.rate("true", [True] * 3 + [False])
    assert (figure.value, figure.n) == (0.75, 4)
    assert figure.interval is not None
    assert figure.interval[0] < 0.75 < figure.interval[1]
