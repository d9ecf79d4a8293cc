"""Classifiers whose answers are known beforehand, beside a judge that knows renderings by heart."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from byheart import KNOWN, judging_by_heart, reading_of, render
from contexts import context_of, generator_of, run_of

from diptych.config.composition import compose
from diptych.data.labels import labels_of, scene_labels
from diptych.evaluation.classification.agreement import KAPPA, Agreement, figures, shown_places
from diptych.evaluation.classification.paired_readings import PairedReadings, paired_readings, why_incomparable
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.progress import silently
from diptych.evaluation.scene_accuracy import Judged
from diptych.systems.classification.labels import Classification
from diptych.types import Scene
from diptych.world import Judge, WorldSpec

NUM = 24
PROTOCOL = {"seed": 0, "with": {"run": "a-classifier"}}
OTHER = {"circle": "square", "square": "circle", "red": "blue", "blue": "red"}
WORLD = [
    "data=scenes_demo",
    "data.world.min_objects=1",
    "data.world.shapes=[circle,square]",
    "data.world.colours=[red,blue]",
]


@pytest.fixture(autouse=True, scope="module")
def _judge_who_knows_renderings():
    with judging_by_heart():
        yield


def shown(overrides=WORLD) -> HeldOut:
    held_out = take_held_out(compose(overrides), data=None, split="test", num=NUM)
    return replace(held_out, images=render(held_out.true_scenes()))


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return shown()


def generator(held_out: HeldOut, generate) -> SimpleNamespace:
    """A generator that turns every scene into another one."""
    pictures = dict(zip(held_out.sentences, map(generate, held_out.true_scenes()), strict=True))
    return generator_of(lambda sentence: render([pictures[sentence]]))


def classifier(world: WorldSpec | None, find=None, labels=None) -> SimpleNamespace:
    """Finds in a picture what `find` says of the scene that it renders, by default what is there."""
    find = find or (lambda scene: labels_of(scene, world))
    known = scene_labels(world) if labels is None else labels

    def classifications(pictures):
        for picture in pictures:
            yield Classification(tuple(find(KNOWN[picture.numpy().tobytes()])), torch.zeros(len(known)))

    spec = SimpleNamespace(world=world and world.to_dict(), labels=known)
    run = SimpleNamespace(run_id="a-classifier")
    return run_of(labels=known, classifications=classifications, data_spec=spec, run=run)


def turned(scene: Scene, *attributes: str) -> Scene:
    """The scene with other values of the attributes."""
    changes = [{a: OTHER[getattr(thing, a)] for a in attributes} for thing in scene.objects]
    objects = tuple(replace(thing, **change) for thing, change in zip(scene.objects, changes, strict=True))
    return replace(scene, objects=objects)


def mirrored(scene: Scene) -> Scene:
    objects = (replace(thing, x=scene.side - thing.x, y=scene.side - thing.y) for thing in scene.objects)
    return replace(scene, objects=tuple(objects))


def table(held_out: HeldOut, generate, one: SimpleNamespace):
    return Agreement().measure(context_of(generator(held_out, generate), held_out, one, protocol=PROTOCOL))


def sometimes_wrong(scene: Scene) -> Scene:
    return turned(scene, "colour") if len(scene.objects) > 1 else scene


def test_one_who_reads_as_the_judge_does_agrees_with_it_everywhere(held_out):
    evaluation = table(held_out, sometimes_wrong, classifier(held_out.world))
    counted = [figure for figure in evaluation.figures if figure.n and "though" not in figure.key]
    assert {figure.value for figure in counted} == {1}
    assert {figure.reference for figure in counted} == {1, None}
    assert len(counted) == 8
    assert evaluation.figure("read_alike").chance < 0.5
    assert evaluation.figure(KAPPA).chance < 0.5
    assert evaluation.figure("classified_though_judged_false").value == 0
    assert evaluation.figure("judged_true_though_not_classified").value == 0
    assert evaluation.protocol["with"] == {"run": "a-classifier"}
    assert list(evaluation.clusters) == held_out.contents
    assert evaluation.figure("read_alike").contents == len(set(held_out.contents))


def test_one_who_always_says_the_same_reaches_no_more_than_chance(held_out):
    same = labels_of(held_out.true_scenes()[0], held_out.world)
    evaluation = table(held_out, lambda scene: scene, classifier(held_out.world, lambda scene: same))
    for name in ("read_alike", "read_alike_size", "read_alike_count", "same_verdict", KAPPA):
        figure = evaluation.figure(name)
        assert figure.value == figure.chance
        assert figure.value < 0.7
    assert evaluation.figure(KAPPA).value == 0


def test_who_confounds_shapes_is_found_out_by_shapes_alone(held_out):
    confounding = classifier(held_out.world, lambda scene: labels_of(turned(scene, "shape"), held_out.world))
    evaluation = table(held_out, lambda scene: scene, confounding)
    assert evaluation.figure("read_alike").value < 0.5
    assert evaluation.figure("read_alike_shape").value < 0.5
    for group in ("size", "colour", "count"):
        assert evaluation.figure(f"read_alike_{group}").value == 1


def test_a_classifier_can_share_the_generators_mistake_and_not_the_judges_verdict(held_out):
    fooled = classifier(held_out.world, lambda scene: labels_of(turned(scene, "colour"), held_out.world))
    evaluation = table(held_out, lambda scene: turned(scene, "colour"), fooled)
    assert evaluation.figure("classified_though_judged_false").value == 1
    assert evaluation.figure("same_verdict").value < 0.5
    assert evaluation.figure("judged_true_though_not_classified").n == 0


def test_wrong_places_are_no_matter_of_labels():
    two = shown(["data=scenes_demo"])
    context = context_of(generator(two, mirrored), two, classifier(two.world))
    evaluation = Agreement().measure(context)
    assert not any(context.generated.judged.truth)
    assert evaluation.figure("same_verdict").value == evaluation.figure("read_alike").value == 1
    assert evaluation.figure("classified_though_judged_false").n == 0
    assert evaluation.figure(KAPPA).value is None
    assert f"by both {NUM}, by the judge alone 0" in evaluation.figure(KAPPA).finding
    assert any("not where" in note for note in evaluation.notes)


def test_a_world_with_one_number_of_objects_has_no_label_for_it():
    two = shown(["data=scenes_demo"])
    evaluation = table(two, lambda scene: scene, classifier(two.world))
    assert evaluation.figure("read_alike_count").value is None
    assert "no labels" in evaluation.figure("read_alike_count").note
    assert evaluation.figure("read_alike").value == 1


A, B = frozenset({"small red circle", "1 object"}), frozenset({"large blue square", "1 object"})


@pytest.fixture
def by_hand() -> PairedReadings:
    """Ten pictures, all asked to be A: four true to both, two to the judge, one to the classifier, three to neither.

    The judge reads A in one of the last ones as well, but does not accept it.
    """
    judge = [A] * 4 + [A] * 2 + [B] + [B, B, A]
    classifier = [A] * 4 + [B] * 2 + [A] + [B, B, B]
    return PairedReadings([A] * 10, judge, classifier, [True] * 9 + [False])


def test_figures_of_four_cells_are_those_counted_by_hand(by_hand):
    clean = PairedReadings([A] * 2, [A] * 2, [A] * 2, [True] * 2)
    rows = {f.key: f for f in figures(by_hand, clean, ["size", "colour", "shape", "count"], list("abcdefghij"))}
    counted = {name: (round(figure.value * figure.n), figure.n) for name, figure in rows.items() if figure.percent}
    assert counted == {
        "read_alike": (6, 10),
        "read_alike_accepted": (6, 9),
        "read_alike_refused": (0, 1),
        "read_alike_size": (6, 10),
        "read_alike_colour": (6, 10),
        "read_alike_shape": (6, 10),
        "read_alike_count": (10, 10),
        "same_verdict": (7, 10),
        "classified_though_judged_false": (1, 4),
        "judged_true_though_not_classified": (2, 5),
    }
    expected = (0.7 - 0.5) / (1 - 0.5)  # by chance 0.6 * 0.5 + 0.4 * 0.5
    assert rows[KAPPA].value == pytest.approx(expected)
    assert "by both 4, by the judge alone 2, by the classifier alone 1, by neither 3" in rows[KAPPA].finding
    assert rows["read_alike_refused"].reference is None
    assert rows["read_alike_accepted"].hits == "111100011-"


def test_disagreements_come_first_and_those_the_judge_is_sure_of_before_the_others(by_hand):
    assert shown_places(by_hand) == [4, 5, 6, 9, 0, 1, 2, 3, 7, 8]


def test_a_picture_that_only_the_judge_refuses_is_a_disagreement_though_both_read_it_alike():
    assert shown_places(PairedReadings([A] * 3, [A] * 3, [A] * 3, [True, False, True])) == [1, 0, 2]


def test_every_example_shows_both_readings_and_the_certificate(held_out):
    confounding = classifier(held_out.world, lambda scene: labels_of(turned(scene, "shape"), held_out.world))
    first, *_ = table(held_out, lambda scene: scene, confounding).examples
    (judge, judged_true), (found, classified) = first.verdicts
    assert judge.startswith("judge: ")
    assert found.startswith("classifier: ")
    assert (judged_true, classified) == (True, False)
    assert first.second_picture is not None
    assert first.sentence == held_out.sentences[first.index]


def test_a_number_of_objects_without_a_label_is_said_by_naming_none(held_out):
    nothing = Judged(Judge(held_out.world), [reading_of(Scene(32, ()))], [])
    silent = classifier(held_out.world, lambda scene: ())
    read = paired_readings(silent, render([Scene(32, ())]), nothing, held_out.true_scenes()[:1], silently, "")
    assert read.alike == [True]
    assert read.same_verdict == [True]
    assert read.judged_true == [False]


def test_a_larger_vocabulary_is_as_good(held_out):
    whole = WorldSpec(min_objects=1, max_objects=2)
    assert why_incomparable(classifier(whole), held_out) == ""
    assert table(held_out, lambda scene: scene, classifier(whole)).figure("read_alike").value == 1


@pytest.mark.parametrize(
    ("world", "lacks"),
    [
        (WorldSpec(shapes=["square"], min_objects=1), "circle"),
        (WorldSpec(colours=["blue"], sizes=["small"], min_objects=1), "large, red"),
        (WorldSpec(min_objects=2), "pictures of 1"),
        (None, "scenes"),
    ],
)
def test_a_classifier_of_another_world_is_refused_with_what_it_lacks(held_out, world, lacks):
    labels = None if world else ("one", "two")
    refusal = why_incomparable(classifier(world, labels=labels), held_out)
    assert f"never learned {lacks}, which scenes_demo has" in refusal
    assert "diptych train model=classifier" in refusal


def test_where_nobody_judges_there_is_no_agreement():
    digits = take_held_out(compose(["data=digits"]), data=None, split="val", num=4)
    refusal = Agreement().refusal(context_of(generator_of(str), digits, classifier(WorldSpec())))
    assert "digits has no exact scenes" in refusal
    assert "leave out --with, or give it a captioner" in refusal


def test_the_page_on_evaluation_names_every_figure(held_out, repository):
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    figures = table(held_out, sometimes_wrong, classifier(held_out.world)).figures
    named = {text for figure in figures for text in (figure.key, figure.name)}
    likewise = tuple(f"{how}{group}" for group in ("size", "colour", "count") for how in ("", "read_alike_"))
    assert not {text for text in named if f"`{text}`" not in page and not text.startswith(likewise)}
