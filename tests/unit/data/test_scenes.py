from itertools import islice

import pytest
import torch

from diptych.text import tokenizer_of
from diptych.types import UNK_ID
from diptych.world import Grammar, WorldSpec, canonical, hold_out_named, meaning, render

MANY = WorldSpec(min_objects=1, max_objects=4, side=64)


def _batches(data, number: int):
    return [*islice(data.train_dataloader(), number), *data.val_dataloader(), *data.test_dataloader()]


def _told(data, number: int):
    """(scene, token row, references) of many examples of all splits."""
    for batch in _batches(data, number):
        yield from zip(batch.scenes, batch.tokens, batch.references, strict=True)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("complete_prob", [0.0, 1.0])
def test_every_caption_of_a_scene_is_true(scenes, language, complete_prob):
    data = scenes(languages=(language,), complete_prob=complete_prob, captions_per_image=2)
    tokenizer, grammar = tokenizer_of(data.spec), Grammar(language)
    for scene, rows, references in _told(data, 10):
        for sentence in [*references, *map(tokenizer.decode, rows)]:
            assert grammar.parse(sentence).entailed_by(scene), sentence


def test_complete_sentences_leave_nothing_out_and_partial_ones_do(scenes):
    def share_exact(complete_prob: float) -> float:
        data, grammar = scenes(complete_prob=complete_prob), Grammar("en")
        exact = [
            grammar.parse(refs[0]).exact_for(scene)
            for b in islice(data.train_dataloader(), 10)
            for scene, refs in zip(b.scenes, b.references, strict=True)
        ]
        return sum(exact) / len(exact)

    assert share_exact(1.0) == 1
    assert share_exact(0.0) < 0.5


@pytest.mark.parametrize("tokenizer", ["word", "char"])
@pytest.mark.parametrize("languages", [("en",), ("zh",), ("en", "zh")])
def test_tokens_decode_to_the_sentence(scenes, tokenizer, languages):
    data = scenes(world=MANY, languages=languages, tokenizer=tokenizer, complete_prob=0.7, val_size=5, test_size=5)
    encoder = tokenizer_of(data.spec)
    for _, rows, references in _told(data, 15):
        assert UNK_ID not in rows
        for reference in references:
            ids = encoder.encode(reference)
            assert UNK_ID not in ids
            assert encoder.decode(ids) == reference


def test_the_vocabulary_is_the_lexicon_whatever_the_world(scenes):
    small = WorldSpec(shapes=("circle",), colours=("red", "blue"), max_objects=2)
    assert scenes(world=small).spec.vocabulary == scenes().spec.vocabulary


def test_the_longest_sentence_just_fits(scenes):
    data = scenes(world=MANY, batch_size=64)
    lengths = [batch.tokens.shape[-1] for batch in islice(data.train_dataloader(), 12)]
    assert data.spec.max_length - 3 <= max(lengths) <= data.spec.max_length


def test_the_pictures_are_the_scenes_rendered(scenes):
    batch = next(iter(scenes().train_dataloader()))
    assert torch.equal(batch.images, render(batch.scenes))


def test_no_two_splits_share_a_scene_of_two_objects(scenes):
    data = scenes(world=WorldSpec(min_objects=2), val_size=60, test_size=60)
    seen = {
        "train": {canonical(scene) for batch in islice(data.train_dataloader(), 20) for scene in batch.scenes},
        "val": {canonical(scene) for batch in data.val_dataloader() for scene in batch.scenes},
        "test": {canonical(scene) for batch in data.test_dataloader() for scene in batch.scenes},
    }
    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert not seen["val"] & seen["test"]


def test_evaluation_sets_have_the_sizes_and_references_asked_for(scenes):
    data = scenes(val_size=11, test_size=13, num_references=4)
    assert sum(map(len, data.val_dataloader())) == 11
    batches = list(data.test_dataloader())
    assert sum(map(len, batches)) == 13
    assert {len(references) for batch in batches for references in batch.references} == {4}


def test_two_languages_alternate_in_evaluation_and_mix_in_training(scenes):
    data = scenes(languages=("en", "zh"))
    chinese = [ord(references[0][0]) > 255 for batch in data.val_dataloader() for references in batch.references]
    assert chinese == [False, True] * 10
    trained = [ord(refs[0][0]) > 255 for b in islice(data.train_dataloader(), 10) for refs in b.references]
    assert 0.25 < sum(trained) / len(trained) < 0.75


def test_held_out_pairs_occur_in_the_test_split_alone(scenes):
    world = WorldSpec()
    data, held = scenes(world=world, hold_out="pairs"), hold_out_named("pairs", world)
    trained = [scene for batch in islice(data.train_dataloader(), 20) for scene in batch.scenes]
    assert not any(map(held.holds, trained))
    assert all(held.holds(scene) for batch in data.test_dataloader() for scene in batch.scenes)


def test_held_out_phrasings_occur_in_the_test_split_alone(scenes):
    data = scenes(world=WorldSpec(), hold_out="phrasing")

    def fronted(batches) -> list[bool]:
        return [
            r.split()[0] in ("above", "below", "left", "right") or " it" in r for b in batches for r in b.references[0]
        ]

    assert not any(fronted(islice(data.train_dataloader(), 20)))
    assert all(fronted(data.test_dataloader()))


def test_phrasings_can_be_restricted(scenes):
    data = scenes(world=WorldSpec(), phrasings=("is",))
    said = [references[0] for batch in islice(data.train_dataloader(), 5) for references in batch.references]
    assert all(sentence.startswith("a ") and " is " in sentence for sentence in said)


def test_a_share_outside_0_to_1_is_refused(scenes):
    with pytest.raises(ValueError, match=r"data\.complete_prob=1\.5"):
        scenes(complete_prob=1.5)


@pytest.mark.parametrize("languages", [("en",), ("zh",), ("en", "zh")])
def test_held_out_phrasings_can_describe_many_objects(scenes, languages):
    data = scenes(world=MANY, languages=languages, hold_out="phrasing", complete_prob=0.7, test_size=24)
    for batch in data.test_dataloader():
        for scene, references in zip(batch.scenes, batch.references, strict=True):
            assert all(meaning(sentence, languages).exact_for(scene) for sentence in references)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phrasings": ("plain",), "hold_out": "phrasing"}, "phrasings: none of"),
        ({"phrasings": ("is",)}, "can say all about 1 object"),
        ({"phrasings": ("with",), "languages": ("en", "zh")}, "'zh' has no 'with'"),
        ({"world": WorldSpec(shapes=("circle",), colours=("red",), sizes=("large",))}, "too small to be split"),
        ({"languages": ()}, "data.languages is empty"),
        ({"captions_per_image": 0}, "data.captions_per_image=0"),
    ],
)
def test_scenes_that_cannot_be_sampled_or_captioned_are_refused(scenes, changes, message):
    with pytest.raises(ValueError, match=message):
        scenes(**changes)
