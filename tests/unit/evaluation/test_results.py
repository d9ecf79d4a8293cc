import json
from dataclasses import replace

import pytest
from PIL import Image

from diptych.config import UserError
from diptych.evaluation.results import Evaluation, Example, Figure, Layout, key_of, read, read_all, save
from diptych.metrics.statistics import Interval, wilson_interval


@pytest.fixture
def evaluation() -> Evaluation:
    example = Example(
        index=7,
        picture=Image.new("RGB", (8, 8), "red"),
        sentence="a red circle",
        caption="a red ring",
        verdicts=(("shape", False),),
        words=("a", "red"),
        attention=([[0.25, 0.75]], [[1.0, 0.0]]),
        second_picture=Image.new("RGB", (8, 8), "blue"),
    )
    figures = [
        Figure.rate("scene_accuracy", [True, None, False], ["a", "b", "b"], chance=0.1),
        Figure("perplexity", None, note="no captions"),
    ]
    return Evaluation(
        "generation",
        "Generation",
        {"seed": 0, "num": 3},
        figures,
        {"shape": 1},
        ("a note",),
        [example],
        ["a", "b", "b"],
        "What it is.",
        Layout.PAIRS,
        "collapsed: all alike",
        ["perplexity"],
    )


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


def test_hits_are_kept_with_what_each_example_is_of():
    figure = Figure.rate("true", [True, None, False, True], ["a", "b", "a", "c"])
    assert (figure.hits, figure.n, figure.contents) == ("1-01", 3, 2)
    assert Figure.rate("true", [True, False]).hits == ""


def test_contents_that_come_once_are_as_sure_as_wilson_says():
    figure = Figure.rate("true", [True] * 97 + [False] * 3, [str(i) for i in range(100)])
    assert figure.interval == pytest.approx(wilson_interval(97, 100))
    assert (figure.interval_over, figure.interval_method) == ("held-out examples", "Wilson")


def test_contents_that_come_again_are_less_sure_than_as_many_different_ones():
    hits, often = [i % 50 > 0 for i in range(1000)], [str(i % 50) for i in range(1000)]
    figure = Figure.rate("true", hits, often)
    assert figure.interval == pytest.approx(wilson_interval(49, 50))
    assert (figure.interval_over, figure.interval_method) == ("held-out contents", "Wilson of clusters")
    assert (figure.n, figure.contents) == (1000, 50)


def test_an_interval_of_contents_counts_them_even_where_hits_are_not_kept():
    interval = Interval(0.1, 0.3, "held-out contents", "cluster bootstrap", 50)
    figure = Figure.of("informativeness", 0.2, 1000, interval)
    assert (figure.n, figure.contents, figure.own_interval) == (1000, 50, interval)


def test_an_interval_of_pictures_counts_them():
    interval = Interval(-0.1, 0.3, "held-out pictures", "two standard errors, block jackknife", 1000)
    assert Figure.of("kernel distance", 0.1, 1000, interval, percent=False).own_interval == interval


def test_only_what_was_counted_is_sure_to_stay_below_one():
    rate = Figure.rate("true", [True, False])
    assert rate.is_rate
    assert not replace(rate, percent=False).is_rate
    assert not Figure("variety of size", 0.98, 40).is_rate
    assert not Figure("variety of size", 1.09, 40, (0.9, 1.2)).is_rate
    assert not Figure("undefined", None).is_rate


def test_a_result_without_pictures_has_everything_else(evaluation, tmp_path):
    path = save(evaluation, tmp_path, "best")
    for picture in (tmp_path / "best").glob("*.png"):
        picture.unlink()
    again = read(path, pictures=False)
    assert again.to_dict() == evaluation.to_dict()
    assert again.examples == []


def test_the_headline_is_what_the_benchmark_names_else_the_first_line_with_a_value():
    figures = [Figure("a", None), Figure("b", 1.0), Figure("c", 2.0), Figure("d", 3.0)]
    assert [f.key for f in Evaluation("x", "X", {}, figures).mains] == ["b"]
    assert [f.key for f in Evaluation("x", "X", {}, figures, headline=["d", "c"]).mains] == ["c", "d"]
    assert Evaluation("x", "X", {}, figures, headline=["a"]).main.key == "b"
    assert Evaluation("x", "X", {}, figures[:1]).main is None


def test_a_file_of_the_first_schema_is_still_read(tmp_path):
    old = {"name": "true", "value": 0.5, "n": 2, "interval": [0.1, 0.9], "floor": None, "ceiling": None, "note": ""}
    content = {
        "kind": "captioner",
        "title": "Captioning",
        "protocol": {},
        "figures": [old | {"percent": True}],
        "reasons": {},
    }
    (tmp_path / "old.json").write_text(json.dumps(content | {"notes": [], "examples": []}))
    result = read(tmp_path / "old.json")
    (figure,) = result.figures
    assert (figure.interval, figure.hits, figure.interval_over) == ((0.1, 0.9), "", "")
    assert (result.lead, result.layout) == ("", "")


def test_a_file_of_the_second_schema_has_its_keys_from_its_labels(tmp_path):
    old = {"name": "Fréchet distance, n to infinity", "value": 0.5, "interval": None, "floor": 0.1, "ceiling": 0.9}
    Image.new("RGB", (8, 8)).save(tmp_path / "7.png")
    example = {"index": 7, "told": "a red ring", "picture": "../7.png", "verdicts": [], "words": [], "attention": []}
    content = {"schema": 2, "kind": "loop", "title": "Loop", "protocol": {}, "figures": [old], "examples": [example]}
    (tmp_path / "old.json").write_text(json.dumps(content))
    (tmp_path / "old").mkdir()
    result = read(tmp_path / "old.json")
    figure = result.figure("frechet_distance_n_to_infinity")
    assert (figure.name, figure.chance, figure.reference) == (old["name"], 0.1, 0.9)
    assert result.examples[0].caption == "a red ring"


def test_a_label_is_the_key_in_words_unless_it_is_given():
    assert Figure("scene_accuracy", 1.0).name == "scene accuracy"
    assert Figure("bleu_4", 1.0, name="BLEU-4").name == "BLEU-4"
    assert key_of("BLEU-4") == "bleu_4"


def test_a_newer_schema_is_refused_by_name(evaluation, tmp_path):
    path = save(evaluation, tmp_path, "best")
    path.write_text(path.read_text().replace('"schema": 5', '"schema": 6'))
    with pytest.raises(UserError, match=r"best\.json has schema 6"):
        read(path)


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"figures": [{"nonsense": 1}]}', '{"figures": [], "what": 1}'])
def test_a_damaged_file_is_named(text, tmp_path):
    (tmp_path / "best.json").write_text(text)
    with pytest.raises(UserError, match=r"best\.json is damaged"):
        read(tmp_path / "best.json")


@pytest.mark.parametrize("content", [b"", b"3", b"[]", b"\xff\xfe", b"{}"])
def test_a_damaged_file_of_the_same_name_loses_no_result(content, evaluation, tmp_path):
    (tmp_path / "best.json").write_bytes(content)
    written = save(evaluation, tmp_path, "best")
    assert written == tmp_path / "best-2.json"
    assert read(written).to_dict() == evaluation.to_dict()
    assert (tmp_path / "best.json").read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        "",
        "3",
        "{}",
        '{"schema": "x"}',
        '{"schema": 2, "kind": "captioning", "title": "x", "protocol": 3, "figures": []}',
        '{"schema": 2, "kind": "captioning", "title": "x", "protocol": {}, "figures": 3}',
        '{"kind": "captioner", "title": "", "protocol": {}, "figures": [{"name": "", "value": "y", "interval": null}]}',
    ],
)
def test_whatever_is_no_result_is_named_with_what_to_do(content, tmp_path):
    path = tmp_path / "best.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"best\.json is damaged \(.+\): delete it and evaluate again"):
        read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"best\.json is damaged"):
        read(path)
