"""Runs whose likelihoods are known: they know what is true, find everything alike, or prefer what is false."""

import math
from random import Random
from types import SimpleNamespace

import pytest
import torch
from contexts import context_of, run_of

from diptych.config.composition import compose
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.likelihood.answers import Answers
from diptych.evaluation.likelihood.existence import (
    NEGATIVES,
    Existence,
    Objects,
    asked,
    likelier_than_usual,
)
from diptych.evaluation.likelihood.minimal_pairs import MinimalPairs
from diptych.evaluation.retrieval.embedding import EmbeddingRetrieval
from diptych.world import canonical, meaning

NUM = 24


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(["data=scenes_demo", "data.batch_size=16"]), data=None, split="test", num=NUM)


def knower(held_out: HeldOut, weight: float = 1.0, **further) -> SimpleNamespace:
    """Scores a sentence by `weight` where it is true of the picture, by 0 where it is not."""
    places = {image.numpy().tobytes(): i for i, image in enumerate(held_out.images)}
    scenes = held_out.true_scenes()

    def truth(picture, text: str) -> float:
        return weight * meaning(text, held_out.spec.languages).entailed_by(scenes[places[picture.numpy().tobytes()]])

    def own(pictures, rows):
        return torch.tensor([[truth(p, text) for text in row] for p, row in zip(pictures, rows, strict=True)])

    def nats(pictures, sentences):
        return torch.tensor([[-10 * truth(picture, text) for text in sentences] for picture in pictures])

    does = {"own_sentence_scores": own, "sentence_nats": nats, "reads_whole": lambda text: True}
    return run_of(**{**does, **further})


def pairs_of(run, held_out: HeldOut):
    return MinimalPairs().measure(context_of(run, held_out))


def test_whoever_knows_what_is_true_prefers_it_always(held_out):
    evaluation = pairs_of(knower(held_out), held_out)
    assert {figure.value for figure in evaluation.figures} == {1.0}
    assert evaluation.figure("minimal_pairs").n == evaluation.protocol["pairs"] > 4 * NUM
    assert evaluation.figure("minimal_pairs_every").chance == pytest.approx(1 / 6, abs=0.02)
    assert {evaluation.figure(f"minimal_pairs_{kind}").chance for kind in ("shape", "swap", "relation")} == {0.5}


def test_whoever_finds_everything_alike_or_prefers_what_is_false_is_never_right(held_out):
    for weight in (0.0, -1.0):
        evaluation = pairs_of(knower(held_out, weight), held_out)
        assert {figure.value for figure in evaluation.figures} == {0.0}
        assert all(example.failed for example in evaluation.examples)


def test_sentences_that_a_run_cannot_read_are_left_out(held_out):
    evaluation = pairs_of(knower(held_out, reads_whole=lambda text: "triangle" not in text), held_out)
    assert 0 < evaluation.protocol["pairs"] < 5 * NUM
    nothing = pairs_of(knower(held_out, reads_whole=lambda text: False), held_out)
    assert {figure.value for figure in nothing.figures} == {None}


def test_pairs_are_the_same_for_every_run_of_one_seed(held_out):
    first, second = (pairs_of(knower(held_out, weight), held_out) for weight in (1.0, -1.0))
    assert first.protocol == second.protocol
    said = {example.index: example.caption for example in second.examples}
    assert said == {example.index: example.caption for example in pairs_of(knower(held_out, -1.0), held_out).examples}


def test_a_statement_is_affirmed_where_the_picture_makes_it_likelier_than_usual():
    log_probs = torch.tensor([[math.log(0.8), -5.0], [math.log(0.1), -5.0], [math.log(0.3), -5.0]])
    assert likelier_than_usual(log_probs).tolist() == [[True, False], [False, False], [False, False]]


def existence_of(run, held_out: HeldOut):
    return Existence().measure(context_of(run, held_out))


def test_whoever_knows_what_is_there_says_so(held_out):
    evaluation = existence_of(knower(held_out), held_out)
    for name in NEGATIVES:
        values = {figure.key.rsplit("_", 1)[1]: figure for figure in evaluation.figures if f"_{name}_" in figure.key}
        assert values["accuracy"].value == values["precision"].value == values["recall"].value == 1
        assert values["f1"].value == 1
        assert values["yes"].value == 0.5
        assert values["accuracy"].chance < 0.7


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    says_yes = torch.tensor([[True, True, False], [False, True, False]])
    scores = Answers(says_yes, [[0], [1]], [[1], [2]]).scores()
    means = {key: sum(map(sum, rows)) / sum(map(len, rows)) for key, rows in scores.items()}
    assert means["accuracy"] == 0.75
    assert means["precision"] == pytest.approx(2 / 3)
    assert means["recall"] == 1
    assert means["f1"] == pytest.approx(2 * means["precision"] / (means["precision"] + 1))


def test_negatives_are_absent_and_ranked_as_their_names_say(held_out):
    scenes = held_out.true_scenes()
    things = sorted({(o.shape, o.colour, o.size) for scene in scenes for o in scene.objects})
    objects = Objects(things, scenes)
    drawn = {name: asked(objects, rank, 0) for name, rank in NEGATIVES.items()}
    for chosen in drawn.values():
        assert not any(set(own) & set(shown) for own, shown in zip(chosen, objects.shown, strict=True))
        assert [len(own) for own in chosen] == [len(shown) for shown in objects.shown]
    for place, chosen in enumerate(drawn["popular"]):
        others = set(objects.absent(place, Random(0))) - set(chosen)
        assert min(objects.frequency[one] for one in chosen) >= max(objects.frequency[one] for one in others)
    for place, (chosen,) in enumerate([own[:1] for own in drawn["confusable"]]):
        likest = max(
            objects.alike(own, one) for own in objects.shown[place] for one in objects.absent(place, Random(0))
        )
        assert max(objects.alike(own, chosen) for own in objects.shown[place]) == likest


def test_an_embedding_is_ranked_among_minimal_pairs_as_well(held_out):
    places: dict[str, int] = {}
    scenes = {
        image.numpy().tobytes(): scene for image, scene in zip(held_out.images, held_out.true_scenes(), strict=True)
    }

    def content(scene) -> int:
        return places.setdefault(" ".join(canonical(scene)), len(places))

    def image_vectors(pictures):
        return torch.eye(100)[[content(scenes[picture.numpy().tobytes()]) for picture in pictures]]

    def sentence_vectors(texts):
        of = [meaning(text, held_out.spec.languages) for text in texts]
        return torch.eye(100)[[content(next(s for s in scenes.values() if claim.entailed_by(s))) for claim in of]]

    for false_scores, value in ((0.0, 1.0), (2.0, 0.0)):

        def own(pictures, rows, false_scores=false_scores):
            return torch.tensor([[1.0, *[false_scores] * (len(row) - 1)] for row in rows])

        run = run_of(
            image_vectors=image_vectors,
            sentence_vectors=sentence_vectors,
            unknown_words=lambda texts: (),
            own_sentence_scores=own,
            reads_whole=lambda text: True,
        )
        evaluation = EmbeddingRetrieval().measure(context_of(run, held_out))
        figure = evaluation.figure("image_to_text_hard_recall_at_1")
        assert figure.value == value
        assert figure.chance < evaluation.figure("image_to_text_recall_at_1").chance


def test_the_page_on_evaluation_names_every_figure(held_out, repository):
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    evaluations = [pairs_of(knower(held_out), held_out), existence_of(knower(held_out), held_out)]
    for evaluation in evaluations:
        assert not [figure.key for figure in evaluation.figures if f"`{figure.key}`" not in page]
        assert f"`kind: {evaluation.kind}`" in page
