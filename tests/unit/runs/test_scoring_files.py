import json

import pytest

from diptych.cli.main import main
from diptych.runs.caption_lists import read_captions, read_predictions

TOLD = {1: "a dog runs on grass", 2: "two cats", 3: "a red ball"}
PEOPLE = {1: ["a dog runs", "the dog is running"], 2: ["two cats sleep"], 3: ["a red ball on grass", "the ball"]}


@pytest.fixture
def files(tmp_path):
    predictions, references = tmp_path / "results.json", tmp_path / "captions.json"
    predictions.write_text(json.dumps([{"image_id": key, "caption": text} for key, text in TOLD.items()]))
    rows = [{"id": 0, "image_id": key, "caption": text} for key, texts in PEOPLE.items() for text in texts]
    references.write_text(json.dumps({"images": [], "annotations": rows}))
    return predictions, references


def scored(capsys, *words) -> dict:
    assert main(["score", *map(str, words), "--json", "--no-java"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_form_of_file_gives_the_same_scores(files, tmp_path, capsys):
    expected = scored(capsys, *files)["values"]
    plain, lines = tmp_path / "plain.json", tmp_path / "told.jsonl"
    plain.write_text(json.dumps(PEOPLE))
    lines.write_text("".join(json.dumps({"id": str(key), "text": text}) + "\n" for key, text in TOLD.items()))
    assert read_captions(plain) == read_captions(files[1])
    assert scored(capsys, lines, plain)["values"] == expected


def test_what_is_said_names_how_it_was_measured(files, capsys):
    result = scored(capsys, *files)
    assert result["protocol"]["tokenizer"] == "ptb"
    assert result["protocol"]["document_frequency"] == "evaluated (3 pictures)"
    assert result["values"]["novel"] is None
    assert "--train" in result["reasons"]["novel"]


def test_another_document_frequency_changes_cider_alone(files, tmp_path, capsys):
    own = scored(capsys, *files, "--save-df", tmp_path / "df.json")["values"]
    assert scored(capsys, *files, "--df", tmp_path / "df.json")["values"] == own
    train = tmp_path / "train.json"
    train.write_text(json.dumps({"a": ["a dog"], "b": ["a cat"], "c": ["two cats"], "d": ["a red ball"]}))
    other = scored(capsys, *files, "--df", train, "--train", train)
    assert other["protocol"]["document_frequency"] == "train.json (4 pictures)"
    assert other["values"]["novel"] == pytest.approx(1 / 3)
    changed = {name for name, value in own.items() if other["values"][name] != value}
    assert changed == {"cider_d", "novel"}


def test_one_picture_has_no_cider_and_the_table_says_why(files, tmp_path, capsys):
    one = tmp_path / "one.json"
    one.write_text(json.dumps({"1": TOLD[1]}))
    assert main(["score", str(one), str(files[1]), "--predicted-only", "--no-java"]) == 0
    assert "CIDEr-D is undefined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"image_id": 1, "caption": "a dog"}]', "no caption for 2, 3 of 3 pictures"),
        ('{"1": "a", "2": "b", "3": "c", "4": "d"}', "no references for 4"),
        ('{"1": ["a", "b"], "2": "b", "3": "c"}', "several captions for 1 pictures"),
        ('[{"image": "x"}]', "entry 1"),
        ('{"1": 5}', "neither a caption"),
        ("[]", "holds no captions"),
        ("not JSON", "cannot be read as JSON"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_message(files, content, message, capsys):
    files[0].write_text(content)
    assert main(["score", *map(str, files)]) == 2
    assert message in capsys.readouterr().err


def test_a_picture_is_the_same_whether_its_id_is_a_number_or_text(tmp_path):
    path = tmp_path / "told.json"
    path.write_text('[{"image_id": 42, "caption": "a dog"}]')
    assert read_predictions(path) == {"42": "a dog"}
