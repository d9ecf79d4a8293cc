"""The language is a fact of the data: guessed or named once, and what every figure of captions is measured by."""

import json

import pytest
import torch
from PIL import Image

from diptych.cli.main import main
from diptych.data.summary import summarise
from diptych.evaluation.captioning.caption_metrics import CaptionMetrics
from diptych.evaluation.captioning.captioned import agreement
from diptych.evaluation.held_out import take_held_out
from diptych.systems.captioning.quality import CaptioningQuality
from diptych.text import tokenizer_of
from diptych.types import Batch, DataSpec

CAPTIONS = {
    "zh": ["一个男孩在草地上跑步。", "两只狗在水里玩耍", "一只猫坐在桌子上"],
    "ja": ["犬が二匹、水の中で遊んでいる。", "猫が机の上に座っている", "男の子が走っている"],
    "hi": ["एक लड़का घास पर दौड़ रहा है।", "दो कुत्ते पानी में खेल रहे हैं", "एक बिल्ली मेज़ पर बैठी है"],
    "en": ["a boy runs on the grass.", "two dogs play in the water", "a cat sits on a table"],
}


@pytest.fixture
def folder_of(tmp_path):
    """A folder of a few pictures with these captions, again and again."""

    def made(captions):
        with (tmp_path / "metadata.jsonl").open("w", encoding="utf-8") as file:
            for i in range(12):
                Image.new("RGB", (8, 8), (20 * i, 90, 30)).save(tmp_path / f"{i}.png")
                file.write(json.dumps({"file_name": f"{i}.png", "text": captions[i % len(captions)]}) + "\n")
        return tmp_path

    return made


def opened(data):
    data.setup()
    return data


@pytest.mark.parametrize("language", CAPTIONS)
def test_a_folders_language_is_guessed_with_a_message_that_names_the_key(folder_of, folder_data, language, caplog):
    with caplog.at_level("INFO", logger="diptych"):
        data = opened(folder_data(folder_of(CAPTIONS[language])))
    assert data.spec.languages == (language,)
    assert f"the captions are taken for {language}, by their letters; data.languages=[…] says otherwise" in caplog.text
    assert summarise(data)["languages"] == [language]


@pytest.mark.parametrize(
    ("given", "published"), [(("mr",), ("mr",)), ("mr", ("mr",)), (("en", "zh-TW"), ("en", "zh-TW"))]
)
def test_what_is_named_is_not_guessed(folder_of, folder_data, given, published, caplog):
    data = opened(folder_data(folder_of(CAPTIONS["hi"]), languages=given))
    assert data.spec.languages == published
    assert "taken for" not in caplog.text


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ((), "data.languages is empty: name at least one"),
        (("en", "english"), "data.languages has 'english': give codes"),
    ],
)
def test_what_is_no_language_is_refused(tmp_path, folder_data, languages, message):
    with pytest.raises(ValueError, match=message):
        folder_data(tmp_path, languages=languages)


@pytest.mark.parametrize("language", CAPTIONS)
def test_validation_counts_what_the_language_counts(language):
    """The figures while training: Chinese and Japanese by characters."""
    spec = DataSpec("folder", 8, 3, ("<pad>", "<bos>", "<eos>", "<unk>"), 9, languages=(language,))
    quality = CaptioningQuality(spec)
    told = CAPTIONS[language]
    tokens, mask = torch.zeros(3, 1, 2).long(), torch.ones(3, 1, 2).bool()
    references = tuple((text,) for text in told)
    batch = Batch(torch.zeros(3, 3, 8, 8), tokens, mask, references=references, keys=("a", "b", "c"))
    quality.update(torch.tensor(1.0), torch.tensor(1), told, batch)
    assert quality.compute()["bleu_4"] == pytest.approx(1)
    assert quality.generated.metric.tokenizer.name == ("characters" if language in ("zh", "ja") else "ptb")


@pytest.mark.parametrize(
    ("language", "words", "ending"),
    [
        ("zh", 9, ""),
        ("ja", 12, "no list of words that end no caption in ja"),
        ("hi", 7, "no list of words that end no caption in hi"),
        ("en", 6, ""),
    ],
)
def test_a_foreign_folder_is_evaluated_in_its_own_language(folder_of, language, words, ending):
    """A captioner that says what people say, evaluated on a folder that it was not trained on."""
    folder = folder_of(CAPTIONS[language])
    data = ["data.image_size=8", "data.num_workers=0", "data.test_share=0.5"]
    held_out = take_held_out({"seed": 0}, data=str(folder), split="test", num=6, overrides=data)
    tokenizer = tokenizer_of(held_out.spec)
    told = [tokenizer.join(tokenizer.split(texts[0])) for texts in held_out.references]
    metrics = CaptionMetrics(told, held_out, held_out.contents)
    figures = {figure.key: figure for figure in metrics.figures(seed=0)}
    assert [figures[name].value for name in ("bleu_1", "bleu_4")] == pytest.approx([1, 1])
    assert figures["mean_length"].value == pytest.approx(words, abs=2)
    assert (figures["bad_ending_rate"].value, figures["bad_ending_rate"].note)[bool(ending)] == (ending or 0)
    assert agreement(told, held_out.references) == [True] * len(told)


def test_the_language_of_a_run_of_ones_own_can_be_named_when_it_is_evaluated(folder_of):
    node = {
        "_target_": "diptych.data.FolderData",
        **{"root": str(folder_of(CAPTIONS["en"])), "captions": None, "images": None, "split_files": None},
        **{"val_share": 0.2, "test_share": 0.5, "on_error": "raise", "image_size": 8, "random_crop": False},
        **{"captions_per_image": 1, "min_count": 1, "max_length": 20, "tokenizer": "word", "batch_size": 4},
    }
    held_out = take_held_out(
        {"seed": 0, "data": node}, data=None, split="test", num=2, overrides=["data.languages=[de]"]
    )
    assert held_out.spec.languages == ("de",)


def test_stats_name_the_language(folder_of, capsys):
    assert main(["data", "stats", str(folder_of(CAPTIONS["hi"])), "data.image_size=8"]) == 0
    said = capsys.readouterr().out
    assert "8 px RGB, hi; word tokenizer" in said
    assert "लड़का" in said


def test_a_perfect_caption_agrees_however_its_accents_are_written():
    assert agreement(["một con chó"], [["Mo\u0323\u0302t con cho\u0301"]]) == [True]
    assert agreement(["a cat"], [["a dog", "A  cat"]]) == [True]
    assert agreement(["a cat"], [["a dog"]]) == [False]
