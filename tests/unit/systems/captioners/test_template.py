from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from diptych.config import UserError
from diptych.data.labels import as_matrix, labels_of, scene_labels
from diptych.runs.handles import handle_for
from diptych.runs.trainer import quiet
from diptych.systems.classification.labels import Classification
from diptych.systems.template.system import TemplateCaptioner
from diptych.systems.template.wordings import centres
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec, Scene, SceneObject
from diptych.world import WorldSpec, meaning, relation_between, scene_at

CLASSES = ("0", "1", "2")
DIGITS = DataSpec("digits", 8, 1, (*SPECIAL_TOKENS, "zero", "one"), 6, labels=CLASSES, exclusive_labels=True)
GRID = 8


class Seer(torch.nn.Module):
    """Finds in image i what it is told of it, where it is told."""

    def __init__(self, spec: DataSpec, probs: torch.Tensor, evidence: torch.Tensor | None = None) -> None:
        super().__init__()
        self.data_spec, self.probs, self.shares = spec, probs, evidence

    def classify(self, images: torch.Tensor) -> list[Classification]:
        rows = [self.probs[int(image.max())] for image in images]
        if self.data_spec.exclusive_labels:
            return [Classification((self.data_spec.labels[int(row.argmax())],), row) for row in rows]
        said = [tuple(label for label, p in zip(self.data_spec.labels, row, strict=True) if p > 0.5) for row in rows]
        return [Classification(*pair) for pair in zip(said, rows, strict=True)]

    def evidence(self, images: torch.Tensor) -> torch.Tensor:
        assert self.shares is not None
        return torch.stack([self.shares[int(image.max())] for image in images])


def numbered(number: int, spec: DataSpec) -> torch.Tensor:
    """Images that a Seer tells apart."""
    shape = (spec.image_channels, spec.image_size, spec.image_size)
    return torch.arange(number, dtype=torch.float).view(-1, 1, 1, 1).expand(-1, *shape)


def world_spec(languages: Sequence[str] = ("en",), **world: Any) -> tuple[DataSpec, WorldSpec]:
    spec = WorldSpec(**world)
    facts = {"world": spec.to_dict(), "labels": scene_labels(spec), "languages": tuple(languages)}
    return DataSpec("scenes", spec.side, 3, (*SPECIAL_TOKENS, "a"), 20, **facts), spec


def seen(scenes: Sequence[Scene], spec: DataSpec, world: WorldSpec) -> Seer:
    """A classifier that is right about these scenes; evidence lies in the cells of the objects' centres."""
    probs = as_matrix([labels_of(scene, world) for scene in scenes], spec.labels).float() * 0.98 + 0.01
    evidence = torch.full((len(scenes), len(spec.labels), GRID, GRID), 1 / GRID**2)
    for i, scene in enumerate(scenes):
        for kind in {(o.size, o.colour, o.shape) for o in scene.objects}:
            cells = torch.zeros(GRID, GRID)
            for thing in scene.objects:
                if (thing.size, thing.colour, thing.shape) == kind:
                    cells[int(thing.y * GRID / scene.side), int(thing.x * GRID / scene.side)] += 1
            evidence[i, spec.labels.index(" ".join(kind))] = cells / cells.sum()
    return Seer(spec, probs, evidence)


@pytest.mark.parametrize("languages", [("en",), ("zh",), ("zh", "en")])
@pytest.mark.parametrize(
    "world", [{}, {"min_objects": 1}, {"relations": ("left_of", "right_of")}, {"max_objects": 4, "side": 64}]
)
def test_captions_of_scenes_parse_to_what_the_classifier_said(world, languages):
    spec, world = world_spec(languages, **world)
    scenes = [scene_at(world, "train", 0, index) for index in range(30)]
    captioner = TemplateCaptioner(data_spec=spec, classifier=seen(scenes, spec, world))
    for caption, scene in zip(captioner.caption(numbered(30, spec)), scenes, strict=True):
        claims = meaning(caption.text, languages[:1])
        assert claims is not None, caption.text
        assert claims.num_objects == len(scene.objects)
        kinds = sorted((o.size, o.colour, o.shape) for o in scene.objects)
        if len(set(kinds)) == len(kinds) or len(kinds) == 2:
            assert sorted((m.size, m.colour, m.shape) for m in claims.mentions for _ in range(m.number)) == kinds


def test_of_two_objects_the_relation_is_where_their_evidence_lies():
    spec, world = world_spec()
    scenes = [scene_at(world, "train", 1, index) for index in range(60)]
    captions = TemplateCaptioner(data_spec=spec, classifier=seen(scenes, spec, world)).caption(numbered(60, spec))
    exact = [meaning(c.text, ["en"]).exact_for(scene) for c, scene in zip(captions, scenes, strict=True)]
    assert sum(exact) >= 57  # cells are coarse: a relation near the diagonal may turn


@pytest.mark.parametrize(("dx", "dy", "relation"), [(10, 0, "left_of"), (0, 10, "above")])
def test_two_objects_of_one_kind_lie_along_the_wider_axis(dx, dy, relation):
    spec, world = world_spec()
    twins = [SceneObject("circle", "red", "small", 10 + step * dx, 10 + step * dy, 4.0) for step in (0, 1)]
    scene = Scene(32, tuple(twins))
    assert relation_between(*twins) == relation
    (caption,) = TemplateCaptioner(data_spec=spec, classifier=seen([scene], spec, world)).caption(numbered(1, spec))
    assert meaning(caption.text, ["en"]).exact_for(scene)


def test_drawn_phrasings_differ_and_stay_true():
    spec, world = world_spec()
    scene = Scene(
        32, (SceneObject("circle", "red", "small", 8, 16, 4.0), SceneObject("square", "blue", "large", 24, 16, 5.5))
    )
    captioner = TemplateCaptioner(data_spec=spec, classifier=seen([scene], spec, world))
    texts = [captioner.sample_captions(numbered(1, spec), seed=seed)[0].text for seed in range(20)]
    assert len(set(texts)) > 3
    assert all(meaning(text, ["en"]).exact_for(scene) for text in texts)
    still = {captioner.sample_captions(numbered(1, spec), seed=s, temperature=0)[0].text for s in range(5)}
    assert still == {captioner.caption(numbered(1, spec))[0].text}


def test_evidence_has_its_centre_where_it_lies():
    evidence = torch.zeros(1, 4, 4)
    evidence[0, 0, 3] = 1.0  # the first row, the last column
    means, deviations = centres(evidence)
    assert means.tolist() == [[0.875, 0.125]]
    assert deviations.tolist() == [[0.0, 0.0]]
    means, deviations = centres(torch.full((1, 4, 4), 1 / 16))
    assert means.tolist() == [[0.5, 0.5]]
    assert deviations[0, 0] == deviations[0, 1] > 0


def batch_of(labels: Sequence[int], captions: Sequence[str]) -> Batch:
    tokens = torch.ones(len(labels), 1, 3, dtype=torch.long)
    held = torch.nn.functional.one_hot(torch.tensor(labels), len(CLASSES)).bool()
    sentences = tuple((caption,) for caption in captions)
    keys = tuple(map(str, range(len(labels))))
    images = numbered(len(labels), DIGITS)
    return Batch(images, tokens, tokens > 0, sentences, references=sentences, keys=keys, labels=held)


def trained(batches: list[Batch], val: list[Batch] | None = None) -> tuple[TemplateCaptioner, dict[str, float]]:
    captioner = TemplateCaptioner(data_spec=DIGITS, classifier=Seer(DIGITS, torch.eye(3) * 0.9 + 0.05))
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with quiet():
        trainer = Trainer(
            accelerator="cpu", max_epochs=1, num_sanity_val_steps=0, enable_model_summary=False,
            limit_val_batches=1.0 if val else 0, **silent,
        )  # fmt: skip
        trainer.fit(captioner, *(DataLoader(b, batch_size=None) for b in (batches, val or [])))
    return captioner, {name: float(value) for name, value in trainer.callback_metrics.items()}


def test_a_class_is_called_what_its_images_are_called_most_often():
    batches = [batch_of([0, 0, 0, 1, 1], ["zero", "a zero", "zero", "one", "a one"])]
    captioner, _ = trained(batches)
    assert captioner.images_seen == 5
    assert [c.text for c in captioner.caption(numbered(3, DIGITS))] == ["zero", "a one", "2"]  # ties: by the alphabet
    drawn = [captioner.sample_captions(numbered(1, DIGITS), seed=s)[0].text for s in range(300)]
    assert set(drawn) == {"zero", "a zero"}
    assert drawn.count("zero") / 300 == pytest.approx(2 / 3, abs=0.1)


def test_classes_without_captions_are_named_at_the_end(caplog):
    trained([batch_of([0, 1], ["zero", "one"])])
    assert "1 of 3 labels had no caption among the 2 read (2)" in caplog.text


def test_a_checkpoint_keeps_what_was_read():
    captioner, _ = trained([batch_of([0, 1, 2], ["zero", "one", "two"])])
    checkpoint: dict[str, Any] = {}
    captioner.on_save_checkpoint(checkpoint)
    again = TemplateCaptioner(data_spec=DIGITS, classifier=captioner.classifier.network)
    again.on_load_checkpoint(checkpoint)
    assert [c.text for c in again.caption(numbered(3, DIGITS))] == ["zero", "one", "two"]


def test_of_label_sets_that_were_never_seen_the_likeliest_seen_one_speaks():
    spec = DataSpec("tags", 8, 1, (*SPECIAL_TOKENS, "x"), 6, labels=("cat", "dog", "sofa"))
    probs = torch.tensor([[0.9, 0.6, 0.7]])
    captioner = TemplateCaptioner(data_spec=spec, classifier=Seer(spec, probs))
    captioner.wording.read(["cat", "sofa"], ["a cat on a sofa"])
    captioner.wording.read(["dog"], ["a dog"])
    assert captioner.caption(numbered(1, spec))[0].text == "a cat on a sofa"


def test_validation_measures_the_captions():
    batch = batch_of([0, 1, 2], ["a picture of a zero", "a photo of a one", "an image of a two"])
    _, logged = trained([batch], [batch])
    assert logged["val/bleu_4"] == pytest.approx(1)
    assert "val/perplexity" not in logged


def test_it_gives_no_sentence_a_likelihood():
    captioner, _ = trained([batch_of([0], ["zero"])])
    handle = handle_for(captioner)
    assert handle.__name__ == "RuleCaptioner"
    assert handle.nats_per_token is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (DataSpec("coco", 8, 1, SPECIAL_TOKENS, 2), "has no labels"),
        (DataSpec("other", 8, 1, SPECIAL_TOKENS, 2, labels=("a",)), "it knows 3 labels"),
        (DataSpec("large", 16, 1, SPECIAL_TOKENS, 2, labels=CLASSES), "3 labels of 1x16x16"),
    ],
)
def test_what_the_classifier_does_not_know_is_refused(spec, words):
    with pytest.raises(ValueError, match=words):
        TemplateCaptioner(data_spec=spec, classifier=Seer(DIGITS, torch.eye(3)))


def test_rules_search_nothing_and_speak_languages_of_the_data():
    spec, world = world_spec()
    classifier = seen([scene_at(world, "train", 0, 0)], spec, world)
    with pytest.raises(ValueError, match="beam=3"):
        TemplateCaptioner(data_spec=spec, classifier=classifier).caption(numbered(1, spec), beam=3)
    with pytest.raises(ValueError, match=r"system\.language=zh: the data speak en"):
        TemplateCaptioner(data_spec=spec, classifier=classifier, language="zh")


def test_random_sentences_are_functions_of_the_seed():
    spec, world = world_spec()
    captioner = TemplateCaptioner(
        data_spec=spec, classifier=seen([scene_at(world, "train", 0, i) for i in range(4)], spec, world)
    )
    draws = [[c.text for c in captioner.sample_captions(numbered(4, spec), seed=5)] for _ in range(2)]
    assert draws[0] == draws[1]
    assert Random("5/0").random() != Random("5/1").random()


def test_rules_refuse_in_their_own_words_what_they_cannot_follow():
    captioner, _ = trained([batch_of([0], ["zero"])])
    handle = handle_for(captioner)(run=None, checkpoint=None, system=captioner)  # pyright: ignore[reportArgumentType]
    for asked, reason in (
        ({"num_captions": 3}, "num_captions=3: rules have one likeliest caption; give temperature=1.0"),
        ({"num_captions": 3, "beam": 3}, "beam=3: a captioner of rules searches no words"),
        ({"top_k": 3}, "top_k=3: a captioner of rules searches no words"),
        ({"min_length": 5, "max_length": 3}, "min_length=5: a captioner of rules"),
    ):
        with pytest.raises(UserError, match=reason):
            handle.caption_options(**asked)
    assert not handle.weighs_words


def test_the_digest_tells_wordings_and_classifiers_apart():
    def digest(system: TemplateCaptioner) -> str:
        return handle_for(system)(run=None, checkpoint=None, system=system).digest  # pyright: ignore[reportArgumentType]

    one, again, other = (trained([batch_of([0], [text])])[0] for text in ("zero", "zero", "a zero"))
    assert digest(one) == digest(again) != digest(other)
    again.classifier.network.register_buffer("more", torch.ones(1))
    assert digest(one) != digest(again)
    spec, world = world_spec(("en", "zh"))
    seer = seen([scene_at(world, "train", 0, 0)], spec, world)
    english, chinese = (TemplateCaptioner(data_spec=spec, classifier=seer, language=name) for name in ("en", "zh"))
    assert digest(english) != digest(chinese)


@pytest.mark.parametrize("exclusive", [True, False])
def test_no_caption_is_empty_though_nothing_is_found(exclusive):
    spec = replace(DIGITS, exclusive_labels=exclusive)
    nothing = torch.tensor([[0.1, 0.3, 0.2]])
    (caption,) = TemplateCaptioner(data_spec=spec, classifier=Seer(spec, nothing)).caption(numbered(1, spec))
    assert caption.text == "1"
    spec, _ = world_spec()
    blank = Seer(spec, torch.full((1, len(spec.labels)), 0.01), torch.full((1, len(spec.labels), GRID, GRID), 0.01))
    assert TemplateCaptioner(data_spec=spec, classifier=blank).caption(numbered(1, spec))[0].text
