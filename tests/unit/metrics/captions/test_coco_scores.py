import gzip
import json
from math import exp, sqrt
from random import Random

import numpy as np
import pytest
import sacrebleu
from nltk.translate.bleu_score import corpus_bleu

from diptych.metrics.captions import GIVEN, SCORES, DocumentFrequency, References, scores_of

WORDS = ("a", "man", "dog", "red", "ball")
rng = Random(0)


def said(shortest: int = 4) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(shortest, 9)))


CAPTIONS = {i: [said() for _ in range(rng.randint(1, 4))] for i in range(40)}
TOLD = {i: said() for i in CAPTIONS}
REFERENCES = References(CAPTIONS, GIVEN)


@pytest.fixture(scope="module")
def fakecap(shared_data):
    folder = shared_data / "coco_fakecap"
    rows = json.loads(gzip.decompress((folder / "coco_fakecap_1000.json.gz").read_bytes()))
    return rows, json.loads((folder / "expected.json").read_text())


def test_coco_captions_own_figures_come_out_of_its_own_words(fakecap):
    rows, expected = fakecap
    references = References({row["image_id"]: row["refs_ptb"] for row in rows}, GIVEN)
    values = references.score({row["image_id"]: row["hyp_ptb"] for row in rows}).values()
    wanted = dict(zip(SCORES, (*expected["Bleu"], expected["ROUGE_L"], expected["CIDEr"]), strict=True))
    assert values == pytest.approx(wanted, abs=1e-12)


def test_from_raw_text_the_counts_are_cocos_and_cider_is_within_two_ten_thousandths(fakecap):
    rows, expected = fakecap
    scores = References({row["image_id"]: row["refs"] for row in rows}).score({r["image_id"]: r["hyp"] for r in rows})
    sums, counts = scores.rows.sum(axis=0), expected["bleu_counts"]
    assert sums[:10].tolist() == [*counts["correct"], *counts["guess"], counts["testlen"], counts["reflen"]]
    assert scores.values()["cider_d"] == pytest.approx(expected["CIDEr"], abs=2e-4)


def test_bleu_is_that_of_nltk_and_of_sacrebleu():
    values = REFERENCES.score(TOLD).values()
    references = [[text.split() for text in texts] for texts in CAPTIONS.values()]
    for n in (1, 2, 3, 4):
        wanted = corpus_bleu(references, [text.split() for text in TOLD.values()], weights=[1 / n] * n)
        assert values[f"bleu_{n}"] == pytest.approx(wanted, abs=1e-9)
    streams = [[texts[min(k, len(texts) - 1)] for texts in CAPTIONS.values()] for k in range(4)]
    public = sacrebleu.corpus_bleu(list(TOLD.values()), streams, tokenize="none", smooth_method="none", force=True)
    assert values["bleu_4"] == pytest.approx(public.score / 100, abs=1e-9)


def test_rouge_is_that_of_plain_dynamic_programming():
    def common(a: list[str], b: list[str]) -> int:
        table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
        return int(table[-1, -1])

    def rouge(caption: str, texts: list[str]) -> float:
        lengths = [common(caption.split(), text.split()) for text in texts]
        precision = max(lengths) / len(caption.split())
        recall = max(c / len(text.split()) for c, text in zip(lengths, texts, strict=True))
        return (1 + 1.44) * precision * recall / (recall + 1.44 * precision) if precision else 0.0

    wanted = [rouge(TOLD[i], texts) for i, texts in CAPTIONS.items()]
    assert REFERENCES.score(TOLD).rows[:, 10] == pytest.approx(np.array(wanted))


def test_cider_of_two_pictures_is_what_one_computes_by_hand():
    """Only what one of two pictures has weighs anything: log 2; `a` weighs nothing."""
    references = References({1: ["a dog"], 2: ["a cat runs"]}, GIVEN)
    rows = references.score({1: "a dog runs", 2: "a cat runs"}).rows
    shorter = exp(-1 / 72)  # two bigrams against one
    unigrams = shorter * 1 / sqrt(2)  # dog, runs against dog
    bigrams = shorter * 1 / sqrt(2)  # a dog, dog runs against a dog
    assert rows[0, 11] == pytest.approx(10 * (unigrams + bigrams) / 4)
    assert rows[1, 11] == pytest.approx(10 * 3 / 4)  # no four words


def test_one_picture_has_no_cider_rather_than_zero():
    references = References({1: ["a dog runs"]}, GIVEN)
    scores = references.score({1: "a dog runs"})
    assert scores.values()["cider_d"] is None
    assert "undefined" in scores.undefined["cider_d"]
    assert set(scores.intervals(0, draws=3).values()) == {None}


@pytest.mark.parametrize("words", [1, 2, 3, 4, 5])
def test_a_perfect_caption_scores_one_or_the_score_says_that_references_are_too_short(words):
    captions = {i: [" ".join(f"w{i + j}" for j in range(words))] for i in range(12)}
    scores = References(captions, GIVEN).score({i: texts[0] for i, texts in captions.items()})
    values, intervals = scores.values(), scores.intervals(0, draws=10)
    for order in (1, 2, 3, 4):
        name = f"bleu_{order}"
        if order <= words:
            assert values[name] == pytest.approx(1)
        else:
            assert (values[name], intervals[name]) == (None, None)
            assert scores.undefined[name] == f"no reference has {order} words"


def test_captions_of_parts_of_a_corpus_add_up_to_the_whole():
    rows = REFERENCES.score(TOLD).rows
    assert scores_of(rows[:7].sum(axis=0) + rows[7:].sum(axis=0)) == pytest.approx(scores_of(rows.sum(axis=0)))


def test_the_order_of_predictions_does_not_matter():
    backwards = dict(reversed(TOLD.items()))
    assert REFERENCES.score(backwards).values() == REFERENCES.score(TOLD).values()


def test_missing_and_surplus_predictions_are_named():
    with pytest.raises(ValueError, match=r"no caption for 39 of 40"):
        REFERENCES.score({i: TOLD[i] for i in range(39)})
    with pytest.raises(ValueError, match=r"no references for stranger"):
        REFERENCES.score({**TOLD, "stranger": "a dog"})
    with pytest.raises(ValueError, match="7 have no caption"):
        References({7: []})


def test_whose_words_are_rare_is_a_choice_that_changes_cider_alone(tmp_path):
    few = References(dict(list(CAPTIONS.items())[:5]), GIVEN).document_frequency.named("five pictures")
    other, own = References(CAPTIONS, GIVEN, few), REFERENCES.score(TOLD).values()
    assert other.document_frequency.name == "five pictures"
    values = other.score(TOLD).values()
    assert values.pop("cider_d") != own.pop("cider_d")
    assert values == own
    few.save(tmp_path / "df.json.gz")
    again = DocumentFrequency.from_table(json.loads(gzip.decompress((tmp_path / "df.json.gz").read_bytes())))
    assert again == few


def test_empty_captions_score_nothing_and_stay_in_the_denominator():
    values = REFERENCES.score({**TOLD, 0: ""})
    assert values.rows[0, :5].tolist() == [0] * 5
    assert values.rows[0, 10:].tolist() == [0, 0, 1]


def test_an_interval_holds_its_figure_and_is_drawn_anew_from_its_seed():
    scores = REFERENCES.score(TOLD)
    for name, interval in scores.intervals(0, draws=100).items():
        assert interval.low <= scores.values()[name] <= interval.high
        assert (interval.over, interval.n) == ("pictures", 40)
    assert scores.intervals(1, draws=10) == scores.intervals(1, draws=10)


def test_pictures_of_one_content_tell_less_than_as_many_of_their_own():
    scores = REFERENCES.score(TOLD)
    repeated = type(scores)(np.repeat(scores.rows, 9, axis=0), scores.undefined)
    contents = np.repeat(np.arange(40), 9).tolist()
    own, alike, apart = (
        scores.intervals(0)["bleu_1"],
        repeated.intervals(0, contents, "contents")["bleu_1"],
        repeated.intervals(0)["bleu_1"],
    )
    assert alike.ends == pytest.approx(own.ends)
    assert (alike.over, alike.n) == ("contents", 40)
    assert apart.high - apart.low < 0.5 * (own.high - own.low)


def test_of_few_pictures_there_is_no_interval():
    few = References(dict(list(CAPTIONS.items())[:9]), GIVEN)
    assert set(few.score({i: TOLD[i] for i in range(9)}).intervals(0).values()) == {None}


def test_the_public_package_gives_the_same_where_it_is_installed():
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="pip install pycocoevalcap, the extra `peers`")
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    results = {key: [text] for key, text in TOLD.items()}
    theirs = bleu.Bleu(4).compute_score(CAPTIONS, results, verbose=0)[0]
    theirs = [*theirs, *(metric.compute_score(CAPTIONS, results)[0] for metric in (Rouge(), Cider()))]
    assert list(REFERENCES.score(TOLD).values().values()) == pytest.approx(theirs, abs=1e-12)
