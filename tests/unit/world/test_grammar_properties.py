"""Describing and parsing are inverse: laws over all claims and all scenes, not examples."""

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from diptych.world import (
    COLOURS,
    RELATIONS,
    SHAPES,
    SIZES,
    Constraints,
    Grammar,
    Mention,
    Relation,
    WorldSpec,
    sample_scene,
)

LANGUAGES = {name: Grammar(name) for name in ("en", "zh")}
CROWDS = WorldSpec(min_objects=1, max_objects=4, side=64)

languages = st.sampled_from(sorted(LANGUAGES))
seeds = st.integers(0, 2**32)
mentions = st.builds(
    Mention,
    st.none() | st.sampled_from(SHAPES),
    st.none() | st.sampled_from(COLOURS),
    st.none() | st.sampled_from(SIZES),
    st.just(1),
)
counted = st.builds(Mention, st.sampled_from(SHAPES), st.sampled_from(COLOURS), st.none(), st.integers(1, 4))


@settings(max_examples=300, deadline=None)
@given(language=languages, seed=seeds, complete=st.booleans())
def test_every_sentence_parses_to_claims_that_are_true_of_its_scene(language: str, seed: int, complete: bool):
    grammar, rng = LANGUAGES[language], Random(seed)
    scene = sample_scene(CROWDS, rng)
    constraints = grammar.parse(grammar.describe(scene, rng, complete=complete))
    assert constraints is not None
    assert constraints.entailed_by(scene)
    assert constraints.exact_for(scene) or not complete


@settings(max_examples=200, deadline=None)
@given(language=languages, data=st.data(), things=st.lists(mentions, min_size=2, max_size=4))
def test_parsing_inverts_saying_for_chains(language: str, data: st.DataObject, things: list[Mention]):
    grammar = LANGUAGES[language]
    names = data.draw(st.lists(st.sampled_from(RELATIONS), min_size=len(things) - 1, max_size=len(things) - 1))
    claims = Constraints(tuple(things), tuple(Relation(i, name, i + 1) for i, name in enumerate(names)))
    phrasing = data.draw(st.sampled_from([p for p in grammar.language.phrasings.values() if p.has_relations]))
    assume(phrasing.more is not None or len(things) == 2)
    assert grammar.parse(grammar.language.say(claims, phrasing)) == claims


@settings(max_examples=200, deadline=None)
@given(language=languages, data=st.data(), things=st.lists(mentions | counted, min_size=1, max_size=4))
def test_parsing_inverts_saying_for_lists(language: str, data: st.DataObject, things: list[Mention]):
    grammar = LANGUAGES[language]
    phrasing = data.draw(st.sampled_from([p for p in grammar.language.phrasings.values() if not p.has_relations]))
    claims = Constraints(tuple(things))
    assert grammar.parse(grammar.language.say(claims, phrasing)) == claims


@settings(max_examples=100, deadline=None)
@given(first=seeds, second=seeds)
def test_exact_claims_distinguish_scenes_of_different_symbols(first: int, second: int):
    """Two scenes with the same exact claims have the same objects."""
    scenes = [sample_scene(WorldSpec(shapes=("circle", "ring"), colours=("red",)), Random(s)) for s in (first, second)]
    constraints = LANGUAGES["en"].parse(LANGUAGES["en"].describe(scenes[0], Random(first)))
    assert constraints is not None
    kinds = [sorted((o.shape, o.colour, o.size) for o in scene.objects) for scene in scenes]
    assert kinds[0] == kinds[1] or not constraints.exact_for(scenes[1])


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_dropping_or_doubling_a_word_never_keeps_the_claims(language: str, data: st.DataObject):
    """A sentence with a missing or doubled word is malformed or has other claims."""
    grammar = LANGUAGES[language]
    seed = data.draw(seeds)
    sentence = grammar.describe(sample_scene(WorldSpec(), Random(seed)), Random(seed), phrasings=["plain"])
    words = sentence.split() if language == "en" else list(sentence)
    place = data.draw(st.integers(0, len(words) - 1))
    change = data.draw(st.sampled_from([[], [words[place]] * 2]))
    changed = grammar.language.separator.join([*words[:place], *change, *words[place + 1 :]])
    assert grammar.parse(changed) != grammar.parse(sentence)
