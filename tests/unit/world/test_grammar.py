import tomllib
from dataclasses import replace
from importlib import resources
from random import Random
from typing import Any

import pytest

from diptych.types import Scene, SceneObject
from diptych.world import (
    COLOURS,
    INVERSE,
    SHAPES,
    SIZES,
    Constraints,
    Grammar,
    Mention,
    Relation,
    WorldSpec,
    sample_scene,
)
from diptych.world.language import Language, load_language

ENGLISH, CHINESE = Grammar("en"), Grammar("zh")
LANGUAGES = [ENGLISH, CHINESE]
PAIRS = WorldSpec()
CROWDS = WorldSpec(min_objects=1, max_objects=4, side=64)
SCENE = Scene(
    32, (SceneObject("circle", "red", "small", 10.0, 8.0, 4.1), SceneObject("square", "blue", "large", 12.0, 24.0, 5.5))
)


def test_english_sentences_are_natural():
    said = {name: ENGLISH.describe(SCENE, Random(0), phrasings=[name]) for name in ENGLISH.phrasings[:7]}
    said |= {name: ENGLISH.describe(SCENE, Random(1), phrasings=[name]) for name in ("plain",)}
    first, second = "a small red circle", "a large blue square"
    either = {
        "plain": {f"{first} above {second}", f"{second} below {first}"},
        "is": {f"{first} is above {second}", f"{second} is below {first}"},
        "there_is": {f"there is {first} over {second}", f"there is {second} under {first}"},
        "fronted": {f"above {second} is {first}", f"below {first} is {second}"},
        "with": {f"{second} with {first} over it", f"{first} with {second} under it"},
    }
    assert all(said[name] in sentences for name, sentences in either.items())


def test_chinese_sentences_are_natural():
    sentence = CHINESE.describe(SCENE, Random(0), phrasings=["plain"])
    first, second = "一个红色的小圆形", "一个蓝色的大正方形"
    assert sentence in {f"{first}在{second}的上面", f"{second}在{first}的下面"}


def test_relations_are_described_in_both_directions():
    said = {ENGLISH.describe(SCENE, Random(seed), phrasings=["plain"]) for seed in range(20)}
    assert said == {
        "a small red circle above a large blue square",
        "a large blue square below a small red circle",
    }


def test_equal_objects_are_counted_and_articles_agree():
    twins = Scene(32, (SCENE.objects[0], replace(SCENE.objects[0], y=24.0)))
    said = {ENGLISH.describe(twins, Random(seed), complete=False) for seed in range(400)}
    assert any(sentence.startswith("there are two") for sentence in said)
    assert any(sentence.startswith("there is a ") for sentence in said)
    assert not any("there is two" in sentence or "there are a" in sentence for sentence in said)
    assert ENGLISH.parse("an object above a small object") is not None


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "a",
        "two red red circle",
        "two red circle",
        "a red circles",
        "an red circle",
        "a object",
        "a red small circle",
        "there is two red circles",
        "there are a red circle",
        "a red circle above",
        "a red circle above above a blue square",
        "a red circle above two blue squares",
        "a red circle above a blue square, which is",
        "a red circle and a blue square and a green ring",
        "a red circle, a blue square",
        "a purple circle",
        "red circle",
        "a red circle.",
        "{first} {relation} {second}",
    ],
)
def test_text_outside_the_grammar_is_not_parsed(sentence: str):
    assert ENGLISH.parse(sentence) is None


def test_case_and_white_space_do_not_matter():
    expected = ENGLISH.parse("a red circle above a blue square")
    assert expected == Constraints((Mention("circle", "red"), Mention("square", "blue")), (Relation(0, "above", 1),))
    assert ENGLISH.parse("  A red circle  above\na blue square ") == expected
    assert (
        CHINESE.parse("一个 红色的 圆形") == CHINESE.parse("一个红色的圆形") == Constraints((Mention("circle", "red"),))
    )


def test_a_chain_names_every_relation():
    constraints = ENGLISH.parse("a red circle above a blue square, which is left of a ring, which is below a star")
    assert constraints is not None
    assert constraints.relations == (Relation(0, "above", 1), Relation(1, "left_of", 2), Relation(2, "below", 3))


@pytest.mark.parametrize("grammar", LANGUAGES, ids=lambda grammar: grammar.name)
def test_a_complete_sentence_with_one_word_changed_is_false(grammar: Grammar):
    rng = Random(0)
    for seed in range(150):
        scene = sample_scene(PAIRS, Random(seed))
        if len({(o.shape, o.colour, o.size) for o in scene.objects}) == 1:
            continue
        constraints = grammar.parse(grammar.describe(scene, rng))
        assert constraints is not None
        for corrupted in corruptions(constraints):
            assert not corrupted.exact_for(scene)
            assert not corrupted.entailed_by(scene)


def corruptions(constraints: Constraints) -> list[Constraints]:
    """Every claim that differs in one attribute of one mention, or in the direction of the relation."""
    changed = []
    for i, mention in enumerate(constraints.mentions):
        for name, words in (("shape", SHAPES), ("colour", COLOURS), ("size", SIZES)):
            for word in set(words) - {getattr(mention, name)}:
                mentions = list(constraints.mentions)
                mentions[i] = replace(mention, **{name: word})
                changed.append(Constraints(tuple(mentions), constraints.relations))
    (relation,) = constraints.relations
    others = set(INVERSE) - {relation.name}
    return changed + [Constraints(constraints.mentions, (relation._replace(name=name),)) for name in others]


@pytest.mark.parametrize("grammar", LANGUAGES, ids=lambda grammar: grammar.name)
def test_references_are_five_different_complete_sentences(grammar: Grammar):
    for seed in range(60):
        scene = sample_scene(CROWDS, Random(seed))
        references = grammar.references(scene, seed=seed)
        assert len(set(references)) == 5
        assert all(reading is not None and reading.exact_for(scene) for reading in map(grammar.parse, references))
        assert references == grammar.references(scene, seed=seed)


def test_different_seeds_give_different_references():
    assert len({ENGLISH.references(SCENE, seed=seed) for seed in range(20)}) > 10


@pytest.mark.parametrize("grammar", LANGUAGES, ids=lambda grammar: grammar.name)
def test_training_can_express_everything_without_the_held_out_phrasings(grammar: Grammar):
    kept = [name for name in grammar.phrasings if name not in grammar.held_out_phrasings]
    for names in (kept, grammar.held_out_phrasings):
        for seed in range(20):
            grammar.describe(sample_scene(PAIRS, Random(seed)), Random(seed), phrasings=names)
    said = {grammar.describe(SCENE, Random(seed), phrasings=kept) for seed in range(60)}
    held = {grammar.describe(SCENE, Random(seed), phrasings=grammar.held_out_phrasings) for seed in range(60)}
    assert not said & held


def test_objects_without_clear_relations_are_listed():
    diagonal = Scene(32, (replace(SCENE.objects[0], x=8.0, y=8.0), replace(SCENE.objects[1], x=22.0, y=22.0)))
    constraints = ENGLISH.parse(ENGLISH.describe(diagonal, Random(0)))
    assert constraints is not None
    assert not constraints.relations
    assert constraints.entailed_by(diagonal)


@pytest.mark.parametrize(
    ("names", "words"), [(["plane"], "has no 'plane'"), (["bare_list"], "add one of plain"), ([], "add one of")]
)
def test_phrasings_that_cannot_express_the_scene_are_refused(names: list[str], words: str):
    with pytest.raises(ValueError, match=words):
        ENGLISH.describe(SCENE, Random(0), phrasings=names)


def test_an_unknown_language_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="en, zh"):
        Grammar("tlh")


@pytest.mark.parametrize("grammar", LANGUAGES, ids=lambda grammar: grammar.name)
def test_the_texts_contain_every_character_of_sentences(grammar: Grammar):
    known = set("".join(grammar.texts()))
    for seed in range(200):
        scene = sample_scene(CROWDS, Random(seed))
        assert set(grammar.describe(scene, Random(seed), complete=seed % 2 == 0)) <= known


@pytest.mark.parametrize("name", ["en", "zh"])
def test_a_language_has_a_word_for_everything(name: str):
    language = load_language(name)
    assert set(language.sizes) == set(SIZES)
    assert set(language.colours) == set(COLOURS)
    assert set(language.nouns) == {*SHAPES, "any"}
    assert all(set(p.relation_words) in (set(), set(INVERSE)) for p in language.phrasings.values())


def language_table() -> dict[str, Any]:
    return tomllib.loads((resources.files("diptych.world") / "languages" / "en.toml").read_text(encoding="utf-8"))


def test_a_language_with_equal_words_for_two_things_is_refused():
    table = language_table()
    table["nouns"]["square"] = table["nouns"]["circle"]
    with pytest.raises(ValueError, match="two different noun phrases are spelt alike"):
        Language("en", table)


def test_a_language_without_a_word_for_every_relation_is_refused():
    table = language_table()
    table["relations"]["short"]["below"] = table["relations"]["short"]["above"]
    with pytest.raises(ValueError, match="needs one word for each"):
        Language("en", table)
