"""Symbols are what a sentence says, and nothing of how it says it."""

from random import Random

import pytest
import torch

from diptych.metrics.symbols import SentenceSymbols
from diptych.types import SPECIAL_TOKENS, DataSpec
from diptych.world import INVERSE, Constraints, Grammar, Relation, WorldSpec, sample_scene

PAIRS = WorldSpec(min_objects=1)
CROWDS = WorldSpec(max_objects=4, side=64)


def symbols_of(world, languages=("en",)):
    spec = DataSpec("scenes", world.side, 3, SPECIAL_TOKENS, 20, languages=languages, world=world.to_dict())
    return SentenceSymbols(data_spec=spec)


def test_objects_come_before_their_relations():
    assert symbols_of(PAIRS).facts("a small blue square below a large red circle") == (
        ("object", "circle", "red", "large"),
        ("object", "square", "blue", "small"),
        ("above",),
    )


def test_what_is_left_open_has_no_symbol():
    assert symbols_of(PAIRS).facts("a circle") == (("object", "circle"), (), ())


def test_two_objects_of_one_mention_are_two_facts():
    assert symbols_of(PAIRS).facts("two red circles") == (*2 * [("object", "circle", "red")], ())


def test_tensors_have_a_row_a_fact_and_a_column_a_symbol():
    read = symbols_of(PAIRS)
    values = read(["a red circle", ""])
    assert values.shape == (2, 3, 1 + 6 + 8 + 2 + 4)
    assert {read.names[i] for i in values[0, 0].nonzero().flatten()} == {"object", "circle", "red"}
    assert values.sum() == 3


@pytest.mark.parametrize("world", [PAIRS, CROWDS])
def test_all_sentences_of_one_meaning_have_the_same_symbols(world):
    grammar, read = Grammar("en"), symbols_of(world)
    for seed in range(40):
        claims = grammar.parse(grammar.describe(sample_scene(world, Random(seed)), Random(seed)))
        ways = {read.facts(grammar.say(way, Random(i))) for i in range(5) for way in (claims, told_backwards(claims))}
        assert len(ways) == 1


@pytest.mark.parametrize("world", [PAIRS, CROWDS])
def test_sentences_that_mean_something_else_have_other_symbols(world):
    grammar, read = Grammar("en"), symbols_of(world)
    for seed in range(40):
        claims = grammar.parse(grammar.describe(sample_scene(world, Random(seed)), Random(seed)))
        first = claims.mentions[0]
        colour = next(colour for colour in world.colours if colour != first.colour)
        other = Constraints((type(first)(first.shape, colour, first.size), *claims.mentions[1:]), claims.relations)
        texts = [grammar.say(said, Random(0)) for said in (claims, other)]
        assert not torch.equal(*read(texts))


def test_alike_objects_have_one_order_too():
    read = symbols_of(PAIRS)
    assert read.facts("a red circle above a red circle") == read.facts("a red circle below a red circle")
    assert read.facts("a red circle above a red circle") != read.facts("a red circle left of a red circle")


def test_languages_agree():
    read, english, chinese = symbols_of(PAIRS, ("en", "zh")), Grammar("en"), Grammar("zh")
    for seed in range(20):
        scene = sample_scene(PAIRS, Random(seed))
        said = [grammar.describe(scene, Random(seed)) for grammar in (english, chinese)]
        assert read.facts(said[0]) == read.facts(said[1]) != ()


@pytest.mark.parametrize(
    "text",
    ["circle red the", "a red circle, a blue square and a green star", "一个红色的圆形", "a pink circle"],
)
def test_a_sentence_of_another_world_says_nothing_and_that_is_told_once(text, caplog):
    read = symbols_of(PAIRS)
    assert not read([text, "", text]).any()
    assert caplog.text.count("is not a sentence of this world") == 1
    assert repr(text) in caplog.text


def test_words_that_the_world_lacks_are_not_of_it():
    read = symbols_of(WorldSpec(shapes=("circle", "square"), min_objects=1))
    assert read.facts("a star") == ()
    assert read.facts("a circle") != ()


def test_silence_is_not_worth_a_warning(caplog):
    symbols_of(PAIRS)([""])
    assert caplog.text == ""


def test_data_without_a_world_are_refused():
    with pytest.raises(ValueError, match="data digits has none: choose data=scenes_demo"):
        SentenceSymbols(data_spec=DataSpec("digits", 28, 1, SPECIAL_TOKENS, 6))


def told_backwards(claims):
    """The same from the last object to the first."""
    last = len(claims.mentions) - 1
    relations = [Relation(last - second, INVERSE[name], last - first) for first, name, second in claims.relations]
    return Constraints(claims.mentions[::-1], tuple(relations[::-1]))
