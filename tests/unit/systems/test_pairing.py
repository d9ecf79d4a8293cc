from random import Random

import torch

from diptych.systems.gan.mismatches import sample_mismatches
from diptych.systems.pairing import draw_prompts, said_of_pictures
from diptych.text import Vocabulary, WordTokenizer
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec
from diptych.world import Grammar, WorldSpec, scene_at

LETTERS = WordTokenizer(Vocabulary((*SPECIAL_TOKENS, *"abcdef")))
LETTERS_SPEC = DataSpec("letters", 8, 1, LETTERS.vocabulary.tokens, 8)


def letters(sentences: list[str], captions: int = 1) -> Batch:
    tokens, mask = LETTERS.encode_batch(sentences)
    size = (len(sentences) // captions, captions)
    rows = tuple(tuple(sentences[start : start + captions]) for start in range(0, len(sentences), captions))
    return Batch(torch.zeros(size[0], 1, 8, 8), tokens.unflatten(0, size), mask.unflatten(0, size), rows)


def world_batch(number: int, complete: bool) -> tuple[Batch, DataSpec, WordTokenizer, list[str]]:
    spec, grammar = WorldSpec(), Grammar("en")
    tokenizer = WordTokenizer(Vocabulary.of_words(w for t in grammar.texts() for w in WordTokenizer.split(t)))
    scenes = [scene_at(spec, "train", 0, i) for i in range(number)]
    sentences = [grammar.describe(scene, Random(i), complete=complete) for i, scene in enumerate(scenes)]
    tokens, mask = tokenizer.encode_batch(sentences)
    said = tuple((sentence,) for sentence in sentences)
    batch = Batch(torch.zeros(number, 3, 8, 8), tokens[:, None], mask[:, None], said, scenes=tuple(scenes))
    data_spec = DataSpec("scenes", 8, 3, tokenizer.vocabulary.tokens, tokens.shape[1], world=spec.to_dict())
    return batch, data_spec, tokenizer, sentences


def test_equal_sets_of_words_are_compatible_in_any_order_and_number():
    tokens = letters(["a b c", "c b a", "a a b c", "a b", "a b c d"]).tokens[:, 0].tolist()
    same = said_of_pictures(tokens, (), tokens, LETTERS).tolist()
    assert same[0] == [True, True, True, False, False]
    assert [row[i] for i, row in enumerate(same)] == [True] * 5
    assert same[3] == [False, False, False, True, False]


def test_what_is_said_elsewhere_of_the_same_picture_is_compatible():
    tokens = letters(["a b", "c", "d"]).tokens[:, 0].tolist()
    references = (("a b", "e", "C"), ("c",), ("d", "b a"))
    assert said_of_pictures(tokens, references, tokens, LETTERS).tolist() == [
        [True, True, False],
        [False, True, False],
        [True, False, True],
    ]


def test_a_mismatched_sentence_is_never_equal_to_the_own_one():
    batch = letters(["a b", "b a", "a b", "c", "c", "d e", "a b", "f"])
    prompts = draw_prompts(batch, LETTERS_SPEC, LETTERS, torch.Generator())
    sets = [set(LETTERS.decode(row).split()) for row in prompts.sentences.tokens.tolist()]
    rng = torch.Generator().manual_seed(0)
    for _ in range(50):
        partners = sample_mismatches(prompts.compatible, rng)
        assert partners.exist.all()
        assert all(sets[i] != sets[j] for i, j in enumerate(partners.sentence.tolist()))


def test_where_every_sentence_fits_no_partner_exists():
    partners = sample_mismatches(torch.ones(4, 4, dtype=torch.bool), torch.Generator())
    assert not partners.exist.any()
    assert partners.sentence.tolist() == [0, 1, 2, 3]


def test_a_batch_of_one_has_no_partner():
    assert not sample_mismatches(torch.tensor([[True]]), torch.Generator()).exist.any()
    assert not sample_mismatches(torch.tensor([[False]]), torch.Generator()).exist.any()


def test_every_wrong_sentence_gets_its_turn():
    compatible = torch.eye(4, dtype=torch.bool)
    compatible[0, 1] = True
    rng = torch.Generator().manual_seed(0)
    drawn = torch.stack([sample_mismatches(compatible, rng).sentence for _ in range(200)])
    assert set(drawn[:, 0].tolist()) == {2, 3}
    assert set(drawn[:, 3].tolist()) == {0, 1, 2}


def test_each_caption_of_a_picture_is_drawn_with_its_own_mask():
    batch = letters(["a", "a b", "a b c", "d", "d e", "d e f"], captions=3)
    rng = torch.Generator().manual_seed(0)
    drawn = [draw_prompts(batch, LETTERS_SPEC, LETTERS, rng).sentences for _ in range(30)]
    assert {s.texts[0] for s in drawn} == {"a", "a b", "a b c"}
    assert {s.texts[1] for s in drawn} == {"d", "d e", "d e f"}
    assert all(tuple(map(LETTERS.decode, s.tokens.tolist())) == s.texts for s in drawn)
    assert all(torch.equal(s.mask, s.tokens != 0) for s in drawn)


def test_in_a_world_truth_decides_what_is_compatible():
    batch, data_spec, tokenizer, sentences = world_batch(24, complete=False)
    prompts = draw_prompts(batch, data_spec, tokenizer, torch.Generator())
    grammar = Grammar("en")
    claims = [grammar.parse(sentence) for sentence in sentences]
    expected = [[claim.entailed_by(scene) for claim in claims] for scene in batch.scenes]
    assert prompts.compatible.tolist() == expected
    assert prompts.compatible.diagonal().all()
    assert prompts.compatible.sum() > 24


def test_swapped_objects_are_wrong_though_the_words_are_the_same():
    """What a bag of words would forgive: 'a red circle above a blue square' of a blue circle above a red square."""
    batch, data_spec, tokenizer, _ = world_batch(1, complete=True)
    (scene,) = batch.scenes
    one, other = scene.objects
    swap = lambda thing, source: type(thing)(source.shape, thing.colour, thing.size, thing.x, thing.y, thing.radius)  # noqa: E731
    swapped = type(scene)(scene.side, (swap(one, other), swap(other, one)))
    grammar = Grammar("en")
    said = [grammar.describe(s, Random(3)) for s in (scene, swapped)]
    tokens, mask = tokenizer.encode_batch(said)
    captions = tuple((sentence,) for sentence in said)
    pair = Batch(torch.zeros(2, 3, 8, 8), tokens[:, None], mask[:, None], captions, scenes=(scene, swapped))
    prompts = draw_prompts(pair, data_spec, tokenizer, torch.Generator())
    assert one.shape != other.shape
    assert one.colour != other.colour
    assert prompts.compatible.tolist() == [[True, False], [False, True]]
