"""Captions whose facts and maps are known beforehand: what is true, what is made up, and where somebody looked."""

import pytest
import torch
from contexts import captioner_of, context_of

from diptych.config.composition import compose
from diptych.evaluation.captioning.facts import Facts
from diptych.evaluation.captioning.grounding import Grounding
from diptych.evaluation.captioning.pointing import Pointing, points_of
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.metrics.caption_truth import caption_truth
from diptych.systems.captioning.captions import Caption
from diptych.text import tokenizer_class, tokenizer_of
from diptych.types import DataSpec, Scene, SceneObject
from diptych.world import Grammar
from diptych.world.said import said_of
from diptych.world.wording import wording_of

NUM = 24
SCENE = Scene(
    32, (SceneObject("circle", "red", "small", 8, 8, 4.1), SceneObject("square", "blue", "large", 26, 16, 5.5))
)
GRAMMARS = [Grammar("en")]


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(["data=scenes_demo", "data.batch_size=16"]), data=None, split="test", num=NUM)


def facts_of(*texts: str) -> dict[str, float]:
    wordings = [wording_of(text, GRAMMARS) for text in texts]
    figures = Facts(wordings, [SCENE] * len(texts), [str(i) for i in range(len(texts))]).figures()
    return {figure.key: figure.value for figure in figures}


def test_a_wrong_colour_costs_one_fact_of_seven_and_is_found_where_it_is_said():
    found = facts_of("a small green circle left of a large blue square")
    assert found["fact_precision"] == found["fact_recall"] == pytest.approx(6 / 7)
    assert found["fact_f1"] == pytest.approx(6 / 7)
    assert found["hallucinated_colour"] == 0.5
    assert found["hallucinated_shape"] == found["hallucinated_size"] == found["hallucinated_relation"] == 0
    assert found["hallucinated_object"] == 0.5
    assert [found[f"hallucinated_at_{place}"] for place in range(1, 8)] == [0, 1, 0, 0, 0, 0, 0]


def test_a_vague_caption_is_precise_and_recalls_little():
    found = facts_of("a red object")
    assert found["fact_precision"] == 1
    assert found["fact_recall"] == pytest.approx(1 / 7)
    assert found["fact_f1"] == pytest.approx(2 / 8)


def test_f1_is_the_harmonic_mean_over_all_captions_together():
    found = facts_of("a red object", "a small green circle left of a large blue square", "no sentence")
    precision, recall = found["fact_precision"], found["fact_recall"]
    assert precision == pytest.approx((1 + 6 + 0) / (1 + 7 + 7))
    assert found["fact_f1"] == pytest.approx(2 * precision * recall / (precision + recall))


def looked_at(maps: torch.Tensor, text: str = "a small red circle left of a large blue square") -> dict:
    caption = Caption(text, -0.1, tuple(text.split()), maps)
    wording = wording_of(text, GRAMMARS)
    points = points_of(caption, wording, said_of(wording, SCENE), SCENE)
    return {figure.key: figure for figure in Pointing([points], ["one"]).figures()}


def test_attention_on_the_named_object_points_at_it_and_elsewhere_does_not():
    maps = torch.zeros(10, 4, 4)
    maps[:5, 1, 1], maps[5:, 2, 3] = 1, 1  # the middles (12, 12) and (28, 20)
    right, wrong = looked_at(maps), looked_at(maps.flip(2))
    assert right["pointing_accuracy"].value == right["pointing_shape"].value == 1
    assert wrong["pointing_accuracy"].value == 0
    assert right["pointing_accuracy"].n == 6
    assert right["pointing_accuracy"].reference == 1
    assert right["pointing_centre"].value == 0


def test_looking_everywhere_alike_is_exactly_chance():
    figure = looked_at(torch.full((10, 8, 8), 1 / 64))["pointing_accuracy"]
    assert figure.value == pytest.approx(figure.chance)
    assert 0 < figure.chance < 0.2


def test_a_false_word_names_nothing_and_does_not_count():
    figure = looked_at(torch.rand(10, 4, 4), "a small red circle left of a large green square")["pointing_accuracy"]
    assert figure.n == 5


def test_a_word_of_several_tokens_has_the_mean_of_their_maps():
    text = "a small red circle left of a large blue square"
    maps = torch.zeros(len(text), 4, 4)
    maps[: text.index("left"), 1, 1], maps[text.index("left") :, 2, 3] = 1, 1
    caption = Caption(text, -0.1, tuple(text), maps)
    wording = wording_of(text, GRAMMARS)
    points = points_of(caption, wording, said_of(wording, SCENE), SCENE)
    assert [point.hit for point in points] == [1.0] * 6


def captioned(texts, held_out, maps=None):
    pictures = {
        image.numpy().tobytes(): Caption(text, -0.1, tuple(text.split()), maps)
        for image, text in zip(held_out.images, texts, strict=True)
    }
    one = captioner_of(lambda images, beam: [pictures[image.numpy().tobytes()] for image in images])
    return Grounding().measure(context_of(one, held_out))


def test_the_datas_own_sentences_state_every_fact(held_out, repository):
    evaluation = captioned(held_out.sentences, held_out)
    assert evaluation.figure("fact_f1").value == 1
    assert evaluation.figure("fact_f1").chance < 0.6
    assert evaluation.figure("hallucinated_object").value == 0
    assert evaluation.figure("pointing_accuracy").value is None, "without attention nobody points"
    assert not any(example.failed for example in evaluation.examples)
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    named = [figure.key for figure in evaluation.figures if not figure.key.startswith("hallucinated_at_")]
    assert not [key for key in named if f"`{key}`" not in page]


def test_a_caption_that_is_no_sentence_states_as_many_false_facts(held_out):
    evaluation = captioned(["nothing"] * NUM, held_out)
    assert evaluation.figure("fact_precision").value == evaluation.figure("fact_f1").value == 0
    assert evaluation.figure("hallucinated_colour").value is None


def test_true_numbers_count_in_neither_part_of_f1_and_false_ones_are_said_and_not_there():
    two = Scene(32, tuple(SceneObject("circle", "red", "small", x, 16, 4.1) for x in (8, 24)))
    for text, expected in (("two small red circles", 2 * 6 / (6 + 7)), ("three small red circles", 2 * 6 / (11 + 7))):
        found = {figure.key: figure.value for figure in Facts([wording_of(text, GRAMMARS)], [two], ["0"]).figures()}
        assert found["fact_f1"] == pytest.approx(expected)
        assert caption_truth(text, two).facts == pytest.approx(expected)


def test_a_captioner_of_byte_pairs_points_as_one_of_words(held_out):
    pytest.importorskip("tokenizers", reason="the extra `transformers` is not installed")
    text = "a small red circle left of a large blue square"
    for num_tokens in (262, 400):
        cutter = tokenizer_class("bpe").cutter([text, *held_out.sentences], num_tokens)
        vocabulary = cutter.closed_vocabulary(()).tokens
        spec = DataSpec("scenes", 32, 3, vocabulary, 99, tokenizer="bpe", subwords=cutter.subwords)
        tokens = tokenizer_of(spec).split(text)
        shown = tuple(tokenizer_of(spec).shown(token) for token in tokens)
        place = len("".join(shown).split("left")[0])
        ends = [len("".join(shown[: i + 1])) for i in range(len(shown))]
        maps = torch.zeros(len(shown), 4, 4)
        for i, end in enumerate(ends):
            maps[i, *((1, 1) if end <= place else (2, 3))] = 1
        wording = wording_of(text, GRAMMARS)
        points = points_of(Caption(text, -0.1, shown, maps), wording, said_of(wording, SCENE), SCENE)
        assert [point.hit for point in points] == [1.0] * 6
