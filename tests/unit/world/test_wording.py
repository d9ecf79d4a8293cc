"""Where sentences say what, what is true of each claim, and sentences that are false by one claim."""

from random import Random

import pytest

from diptych.types import Scene, SceneObject
from diptych.world import Grammar, WorldSpec, meaning, scene_at
from diptych.world.alterations import ALTERATIONS, RELATION, SWAP, altered
from diptych.world.said import said_of
from diptych.world.wording import wording_of

TWO, ONE = WorldSpec(), WorldSpec(min_objects=1, max_objects=1)
MANY = WorldSpec(min_objects=3, max_objects=4, side=64)
NUM = 12


def scenes(world: WorldSpec) -> list[Scene]:
    return [scene_at(world, "test", 0, i) for i in range(NUM)]


def thing(shape: str, colour: str, size: str, x: float, y: float) -> SceneObject:
    return SceneObject(shape, colour, size, x, y, 5.5 if size == "large" else 4.1)


SCENE = Scene(32, (thing("circle", "red", "small", 8, 8), thing("square", "blue", "large", 8, 24)))
SENTENCE = "a small red circle above a large blue square"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("world", [ONE, TWO, MANY])
def test_places_are_the_words_of_the_claims_in_order(language, world):
    grammar = Grammar(language)
    words = grammar.language
    for i, scene in enumerate(scenes(world)):
        for sentence in grammar.references(scene, 3, i):
            wording = wording_of(sentence, [grammar])
            assert wording.text == words.normalise(sentence)
            starts = [place.start for place in wording.places]
            assert starts == sorted(starts)
            for place in (one for one in wording.places if one.is_attribute):
                mention = wording.claims.mentions[place.index]
                named = {"size": words.sizes.get(mention.size), "colour": words.colours.get(mention.colour)}
                named["shape"] = words.nouns[mention.shape][0]
                assert wording.text[place.start : place.end] == named[place.kind]
            assert len(wording.places) == 3 * len(scene.objects) + max(0, len(scene.objects) - 1)


def test_what_is_no_sentence_has_no_wording():
    assert wording_of("two red red circle", [Grammar("en")]) is None
    assert altered("two red red circle", SCENE, TWO, [Grammar("en")], Random(0), lambda text: True) == {}


def test_counted_objects_and_the_word_object_are_read():
    wording = wording_of("there are two red circles and an object", [Grammar("en")])
    said = [(place.kind, wording.text[place.start : place.end]) for place in wording.places]
    assert said == [("number", "two"), ("colour", "red"), ("shape", "circles")]


@pytest.mark.parametrize("world", [TWO, MANY])
def test_single_claims_add_up_to_the_atoms(world):
    grammar = Grammar("en")
    shown = scenes(world)
    for i, (scene, other) in enumerate(zip(shown, [*shown[1:], shown[0]], strict=True)):
        wording = wording_of(grammar.references(scene, 1, i)[0], [grammar])
        for seen in (scene, other):
            said, atoms = said_of(wording, seen), wording.claims.atoms(seen)
            missing = max(0, wording.claims.num_objects - len(seen.objects))
            assert sum(one.is_true for one in said) == atoms.true_facts + atoms.true_numbers
            assert len(said) + missing == atoms.claimed


def test_a_false_word_is_found_at_its_place():
    wording = wording_of("a small green circle above a large blue square", [Grammar("en")])
    said = said_of(wording, SCENE)
    assert [one.is_true for one in said] == [True, False, True, True, True, True, True]
    assert [thing.shape for thing in said[3].things] == ["circle", "square"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("world", [ONE, TWO, MANY])
def test_altered_sentences_are_false_and_differ_in_one_claim(language, world):
    grammar = Grammar(language)
    for i, scene in enumerate(scenes(world)):
        sentence = grammar.references(scene, 1, i)[0]
        false = altered(sentence, scene, world, [grammar], Random(i), lambda text: True)
        assert set(false) == set(ALTERATIONS if len(scene.objects) > 1 else ALTERATIONS[:3])
        own = meaning(sentence, [language])
        for kind, text in false.items():
            claims = meaning(text, [language])
            assert not claims.entailed_by(scene)
            changed = sum(a != b for a, b in zip(own.mentions, claims.mentions, strict=True))
            assert changed == {SWAP: 2, RELATION: 0}.get(kind, 1)
            assert (claims.relations != own.relations) == (kind == RELATION)


def test_an_exchange_that_stays_true_is_no_minimal_pair():
    twins = Scene(32, (thing("circle", "red", "small", 8, 8), thing("circle", "red", "small", 8, 24)))
    false = altered("a small red circle above a small red circle", twins, TWO, [Grammar("en")], Random(0), bool)
    assert SWAP not in false
    assert RELATION not in false, "the two may be taken the other way round"
    assert set(false) == {"shape", "colour", "size"}


def test_refused_sentences_are_not_drawn():
    false = altered(SENTENCE, SCENE, TWO, [Grammar("en")], Random(0), lambda text: "green" in text)
    assert "green" in false["colour"]
    assert "size" not in false
