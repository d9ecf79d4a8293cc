import json

import pytest

from diptych.cli.main import main
from diptych.evaluation.caption_files import read_captions

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
    assert read_captions(plain).captions == read_captions(files[1]).captions
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
        ('[{"image": "x"}]', "picture x has no caption"),
        ('[{"caption": "x"}]', "results.json: entry 1 (no file_name)"),
        ('{"1": 5}', "neither a caption"),
        ("[]", "holds no captions"),
        ("not JSON", "cannot be read as JSON"),
        ("", "cannot be read: it is empty"),
        (" \n", "cannot be read: it is empty"),
        ("3", "there is 3; it must be a list"),
        ("null", "there is None; it must be a list"),
        ('"a dog"', "there is 'a dog'; it must be a list"),
        ('{"annotations": 3}', "under 'annotations' there is 3; it must be a list"),
        ('{"annotations": null}', "under 'annotations' there is None; it must be a list"),
        ('{"annotations": {"1": "a"}}', "under 'annotations' there is {'1': 'a'}; it must be a list"),
        ('{"1": [], "2": "b", "3": "c"}', "picture 1 has no caption; give it one"),
        ('{"1": [null], "2": "b", "3": "c"}', "under '1' (a caption is None, which is no text)"),
        ('{"1": "a", "2": "b", "3": "c", "1": "d"}', "the key '1' stands twice"),
        ('[{"image_id": 1.5, "caption": "a"}]', "entry 1 (the id 1.5; an id is a whole number or text)"),
        ('[{"image_id": true, "caption": "a"}]', "a whole number or text"),
        ('[{"image_id": [1], "caption": "a"}]', "a whole number or text"),
        ('{"1": "half a \\ud83d face"}', "holds half a character"),
        ('{"\\ud83d": "a face"}', "holds half a character"),
        ('[{"image_id": ' + "9" * 5000 + ', "caption": "a"}]', "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_message(files, content, message, capsys):
    files[0].write_text(content)
    assert main(["score", *map(str, files)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert str(files[0]) in said


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b\x08", b"\x1f\x8b\x08\x00" + bytes(40), b"\x80" * 99])
@pytest.mark.parametrize("name", ["told.json", "told.json.gz", "told.jsonl"])
def test_a_file_of_bytes_is_named(name, content, files, tmp_path, capsys):
    (tmp_path / name).write_bytes(content)
    assert main(["score", str(tmp_path / name), str(files[1])]) == 2
    assert f"{tmp_path / name} cannot be read" in capsys.readouterr().err


def test_a_picture_without_a_caption_is_not_dropped_from_the_references(files, capsys):
    files[1].write_text(json.dumps({"1": [], "2": "two cats", "3": "a red ball"}))
    assert main(["score", *map(str, files), "--predicted-only"]) == 2
    assert f"{files[1]}: picture 1 has no caption" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "name is None"),
        ({"num_images": None}, "num_images is None"),
        ({"num_images": 0}, "num_images is 0"),
        ({"num_images": 2.5}, "num_images is 2.5"),
        ({"document_frequency": 3}, "document_frequency is '3'"),
        ({"document_frequency": {"a dog": 9}}, "'a dog' is counted 9 times, which must be 1 to num_images=4"),
        ({"document_frequency": {"a dog": "1"}}, "'a dog' is counted '1' times"),
    ],
)
def test_half_a_document_frequency_is_none(change, message, files, tmp_path, capsys):
    whole = {"name": "train", "num_images": 4, "document_frequency": {"a dog": 2}}
    df = tmp_path / "df.json"
    df.write_text(json.dumps(whole))
    scored(capsys, *files, "--df", df)
    df.write_text(json.dumps(whole | change))
    assert main(["score", *map(str, files), "--df", str(df), "--no-java"]) == 2
    assert f"{df} is no document frequency: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--java-seconds", "-1"], "java_seconds=-1: give seconds above 0"),
        (["--java-seconds", "0"], "java_seconds=0: give seconds above 0"),
        (["--java-seconds", "nan"], "java_seconds=nan: give seconds above 0"),
        (["--java-seconds", "inf"], "java_seconds=inf: give seconds above 0"),
        (["--seed", "-1"], "seed=-1: give 0 or more"),
        (["--language", "klingon"], "language='klingon': give a code of two or three letters"),
        (["--language", ""], "language='': give a code"),
        (["--language", "zh TW"], "language='zh TW': give a code"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_read(words, message, tmp_path, capsys):
    assert main(["score", str(tmp_path / "none.json"), str(tmp_path / "none.json"), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "en-GB", "EN_us", "de", "zh-Hant-TW", "yue"])
def test_a_language_may_have_a_region_and_the_table_names_its_tokenizer(language, files, capsys):
    result = scored(capsys, *files, "--language", language)
    tokenizer = "characters" if language in ("zh-Hant-TW", "yue") else "ptb"
    assert result["protocol"]["tokenizer"] == tokenizer
    assert (result["values"]["bad_ending_rate"] is not None) == (language[:2].lower() in ("en", "zh"))
    main(["score", *map(str, files), "--language", language, "--no-java"])
    assert f"{language}, tokens: {tokenizer};" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["missing/df.json", ".", "results.json/df.json", "d" * 300])
def test_where_nothing_can_be_written_nothing_is_scored(where, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("diptych.evaluation.scoring.score_files", lambda *_: pytest.fail("scored first"))
    assert main(["score", *map(str, files), "--save-df", str(tmp_path / where)]) == 2
    assert f"--save-df {tmp_path / where} cannot be written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captions.json", "results.json"]


def test_what_is_read_is_not_written_over(files, capsys):
    before = files[1].read_bytes()
    assert main(["score", *map(str, files), "--save-df", str(files[1])]) == 2
    assert "would write over a file that is read" in capsys.readouterr().err
    assert files[1].read_bytes() == before


HINDI = {"1": "एक लड़का दौड़ रहा है", "2": "दो कुत्ते पानी में"}
CHINESE = {"1": "一个男孩在草地上跑步", "2": "两只狗在水里"}


@pytest.mark.parametrize(
    ("people", "language", "tokenizer", "has_endings"),
    [
        (PEOPLE, "en", "ptb", True),
        (HINDI, "hi", "ptb", False),
        (CHINESE, "zh", "characters", True),
        ({"1": "ein Hund läuft", "2": "zwei Katzen auf dem Sofa"}, "und", "ptb", False),
        ({"1": ["两只狗", "two dogs"], "2": ["一只猫", "a cat"]}, "zh, en", "characters", True),
        ({"1": ["सफ़ेद बिल्ली", "a white cat"], "2": ["कुत्ता", "a dog"]}, "hi, en", "ptb", False),
    ],
)
def test_the_language_of_the_references_is_guessed_and_said(
    people, language, tokenizer, has_endings, tmp_path, capsys, caplog
):
    references, told = tmp_path / "people.json", tmp_path / "told.json"
    references.write_text(json.dumps(people))
    told.write_text(json.dumps({key: texts if isinstance(texts, str) else texts[0] for key, texts in people.items()}))
    with caplog.at_level("INFO", logger="diptych"):
        result = scored(capsys, told, references)
    assert (result["protocol"]["language"], result["protocol"]["tokenizer"]) == (language, tokenizer)
    assert result["values"]["bleu_1"] == pytest.approx(1)
    assert (result["values"]["bad_ending_rate"] is not None) == has_endings
    first = language.split(", ")[0]
    assert f"people.json: taken for {first}" in caplog.text
    assert "--language says otherwise" in caplog.text
    assert has_endings or f"caption in {first}" in result["reasons"]["bad_ending_rate"]


def test_a_language_that_is_given_is_not_guessed(files, capsys, caplog):
    with caplog.at_level("INFO", logger="diptych"):
        result = scored(capsys, *files, "--language", "de,zh-TW")
    assert (result["protocol"]["language"], result["protocol"]["tokenizer"]) == ("de, zh-TW", "characters")
    assert result["reasons"]["bad_ending_rate"] == "no list of words that end no caption in de"
    assert "taken for" not in caplog.text


def lines(path, entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


@pytest.mark.parametrize("key", ["image_id", "id"])
@pytest.mark.parametrize("kind", [int, str, float])
def test_a_picture_is_the_same_whether_its_id_is_a_number_or_text(key, kind, files, tmp_path, capsys):
    told = lines(tmp_path / "told.jsonl", [{key: kind(number), "caption": text} for number, text in TOLD.items()])
    assert scored(capsys, told, files[1])["values"] == scored(capsys, *files)["values"]


def test_columns_have_the_order_of_preference_of_training(tmp_path, capsys):
    """A folder's `text` is what a run is trained on, whatever else a row holds."""
    told = lines(tmp_path / "told.jsonl", [{"file_name": f"{i}.jpg", "caption": f"a dog number {i}"} for i in range(6)])
    people = [{"file_name": f"{i}.jpg", "text": f"a dog number {i}", "caption": "raw words", "id": i} for i in range(6)]
    result = scored(capsys, told, lines(tmp_path / "metadata.jsonl", people))
    assert result["values"]["bleu_1"] == pytest.approx(1)
    assert result["protocol"]["matched_by"] == "file name"


@pytest.mark.parametrize("row_id", [lambda i: f"row{i}", lambda i: 5 - i])
def test_pictures_are_held_together_by_file_names_before_the_ids_of_rows(row_id, tmp_path, capsys):
    told = lines(
        tmp_path / "told.jsonl", [{"id": i, "file_name": f"{i}.jpg", "caption": f"number {i}"} for i in range(6)]
    )
    people = [{"id": row_id(i), "file_name": f"{i}.jpg", "text": f"number {i}"} for i in range(6)]
    assert scored(capsys, told, lines(tmp_path / "m.jsonl", people))["values"]["bleu_1"] == pytest.approx(1)


def test_any_file_of_captions_is_scored_against_any_other(tmp_path, capsys):
    told = tmp_path / "told.csv"
    told.write_text("image;caption\n" + "".join(f"{key}.jpg;{text}\n" for key, text in TOLD.items()))
    people = tmp_path / "people.token.txt"
    rows = [f"{key}.jpg#{k}\t{text}\n" for key, texts in PEOPLE.items() for k, text in enumerate(texts)]
    people.write_text("".join(rows), encoding="utf-16")
    whole = tmp_path / "people.json"
    whole.write_text(json.dumps({f"{key}.jpg": texts for key, texts in PEOPLE.items()}))
    assert scored(capsys, told, people)["values"] == scored(capsys, told, whole)["values"]
    assert scored(capsys, told, people, "--df", people, "--train", people)["values"]["novel"] == 1


def test_names_that_do_not_match_are_shown_from_both_files(files, tmp_path, capsys):
    told = lines(tmp_path / "told.jsonl", [{"file_name": f"pics/{i}.jpg", "caption": "a dog"} for i in range(3)])
    for words in ((), ("--predicted-only",)):
        assert main(["score", str(told), str(files[1]), *words]) == 2
        said = capsys.readouterr().err
        assert "told.jsonl has the file name 'pics/0.jpg'" in said
        assert "captions.json the id '1'" in said


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image_id": 4, "caption": "half \ud83d"}, "(the caption 'half \\ud83d' holds half a character"),
        ({"image_id": 4, "caption": "bell \x07"}, "holds the control character U+0007"),
        ({"image_id": 4, "caption": " \u200b "}, "empty captions: 1 (people.jsonl:4)"),
        ({"file_name": "4.jpg", "text": "a dog, 5.jpg, a cat"}, "(its caption holds 5.jpg)"),
        ({"caption": "a dog"}, "people.jsonl:4 (no file_name)"),
        (
            {"file_name": "4.jpg", "image_id": 1, "caption": "a dog"},
            "duplicate ids: 1 (people.jsonl:4 (id 1: 1.jpg, 4.jpg)",
        ),
    ],
)
def test_references_are_checked_as_for_training_and_named_by_line(entry, message, files, tmp_path, capsys):
    rows = [{"image_id": i, "file_name": f"{i}.jpg", "text": "a dog"} for i in TOLD]
    people = lines(tmp_path / "people.jsonl", [*rows, entry, {"file_name": "5.jpg", "text": "a cat"}])
    assert main(["score", str(files[0]), str(people)]) == 2
    assert message in capsys.readouterr().err


def test_a_prediction_may_be_empty(files, capsys):
    files[0].write_text('{"1": "", "2": "two cats", "3": "a red ball"}')
    assert scored(capsys, *files)["values"]["bleu_1"] < 1
