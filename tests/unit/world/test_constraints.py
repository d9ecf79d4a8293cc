import pytest

from diptych.types import Scene, SceneObject
from diptych.world import Constraints, Mention, Relation

RED_CIRCLE = SceneObject("circle", "red", "small", 10.0, 8.0, 4.1)
BLUE_SQUARE = SceneObject("square", "blue", "large", 12.0, 24.0, 5.5)
PAIR = Scene(32, (RED_CIRCLE, BLUE_SQUARE))
TWINS = Scene(32, (RED_CIRCLE, SceneObject("circle", "red", "small", 10.0, 24.0, 4.2)))
COMPLETE = Constraints(
    (Mention("circle", "red", "small"), Mention("square", "blue", "large")), (Relation(0, "above", 1),)
)


def test_a_complete_true_claim_is_exact_for_any_order_of_objects():
    assert COMPLETE.exact_for(PAIR)
    assert COMPLETE.exact_for(Scene(32, PAIR.objects[::-1]))


@pytest.mark.parametrize(
    ("mention", "true"),
    [
        (Mention(), True),
        (Mention("circle"), True),
        (Mention(colour="blue", size="large"), True),
        (Mention("circle", "blue"), False),
        (Mention("circle", "red", "large"), False),
        (Mention("circle", number=2), False),
        (Mention(number=2), True),
    ],
)
def test_a_mention_is_true_if_some_object_has_all_its_attributes(mention: Mention, true: bool):
    assert Constraints((mention,)).entailed_by(PAIR) is true


def test_different_mentions_are_different_objects():
    circle = Mention("circle")
    assert not Constraints((circle, circle)).entailed_by(PAIR)
    assert Constraints((circle, circle)).entailed_by(TWINS)


def test_a_number_is_exact_and_one_means_at_least_one():
    assert Constraints((Mention("circle", number=2),)).entailed_by(TWINS)
    assert Constraints((Mention("circle"),)).entailed_by(TWINS)
    three = Scene(32, (*TWINS.objects, BLUE_SQUARE, SceneObject("circle", "red", "large", 20.0, 8.0, 5.5)))
    assert not Constraints((Mention("circle", number=2),)).entailed_by(three)
    assert Constraints((Mention("circle", size="small", number=2),)).entailed_by(three)


@pytest.mark.parametrize(
    ("constraints", "scene"),
    [
        (Constraints(COMPLETE.mentions), PAIR),  # the relation is left out
        (Constraints((Mention("circle", "red"), COMPLETE.mentions[1]), COMPLETE.relations), PAIR),
        (Constraints(COMPLETE.mentions[:1]), PAIR),  # one object is left out
        (COMPLETE, Scene(32, (*PAIR.objects, SceneObject("ring", "red", "small", 26.0, 8.0, 4.1)))),
        (Constraints(COMPLETE.mentions, (Relation(0, "below", 1),)), PAIR),
    ],
)
def test_leaving_out_or_adding_anything_is_not_exact(constraints: Constraints, scene: Scene):
    assert not constraints.exact_for(scene)


def test_one_object_is_described_exactly_without_relations():
    assert Constraints(COMPLETE.mentions[:1]).exact_for(Scene(32, (RED_CIRCLE,)))


def test_three_objects_need_relations_that_connect_them():
    third = SceneObject("ring", "red", "small", 28.0, 8.0, 4.1)
    scene = Scene(64, (*PAIR.objects, third))
    mentions = (*COMPLETE.mentions, Mention("ring", "red", "small"))
    assert not Constraints(mentions, COMPLETE.relations).exact_for(scene)
    assert Constraints(mentions, (*COMPLETE.relations, Relation(0, "left_of", 2))).exact_for(scene)


def test_a_relation_is_true_from_the_threshold_on_and_never_when_diagonal():
    def holds(down: float) -> bool:
        other = SceneObject("square", "blue", "large", 10.0 + 10.0, 8.0 + down, 5.5)
        scene = Scene(32, (RED_CIRCLE, other))
        return Constraints(COMPLETE.mentions, (Relation(0, "left_of", 1),)).entailed_by(scene)

    assert holds(0.0)
    assert holds(10 / 1.5)
    assert holds(8.0)
    assert not holds(9.0)
    assert not holds(10.0)


def test_a_comparison_names_what_is_wrong():
    wrong = Constraints((Mention("circle", "green", "small"), COMPLETE.mentions[1]), (Relation(0, "below", 1),))
    comparison = wrong.compare(PAIR)
    assert (comparison.count, comparison.shape, comparison.colour, comparison.size) == (1, 1, 0.5, 1)
    assert comparison.relation == 0


def test_a_comparison_is_perfect_exactly_when_the_claim_is_true():
    claims = [COMPLETE, Constraints((Mention("circle", number=2),)), Constraints((Mention("ring"), Mention()))]
    for claim in claims:
        for scene in (PAIR, TWINS, Scene(32, ()), Scene(32, (BLUE_SQUARE,))):
            comparison = claim.compare(scene)
            values = (comparison.count, comparison.shape, comparison.colour, comparison.size, comparison.relation)
            assert (min(values) == 1) == claim.entailed_by(scene)


def test_nothing_matches_an_empty_scene():
    assert not COMPLETE.entailed_by(Scene(32, ()))
    assert COMPLETE.compare(Scene(32, ())).shape == 0


def test_an_exact_sentence_contains_all_facts_and_a_vague_one_few():
    assert COMPLETE.atoms(PAIR) == (7, 7, 0, 7)
    assert Constraints((Mention("circle"),)).atoms(PAIR).informativeness == pytest.approx(1 / 7)
    assert Constraints((Mention(),)).atoms(PAIR).informativeness == 0


def test_hallucination_is_the_share_of_claims_that_are_false():
    half = Constraints((Mention("circle", "blue"),))
    assert half.atoms(PAIR).hallucination == 0.5
    assert Constraints((Mention("circle", number=2),)).atoms(PAIR).hallucination == pytest.approx(2 / 3)
    assert Constraints((Mention(), Mention(), Mention())).atoms(PAIR).hallucination == 1


@pytest.mark.parametrize("scene", [PAIR, TWINS, Scene(32, (RED_CIRCLE,))])
@pytest.mark.parametrize(
    "claim",
    [
        COMPLETE,
        Constraints(COMPLETE.mentions),
        Constraints(COMPLETE.mentions[:1]),
        Constraints((Mention(),)),
        Constraints((Mention(number=2),)),
        Constraints((Mention("circle", "red", "small", 2),)),
        Constraints((Mention("circle"), Mention("circle"))),
        Constraints((COMPLETE.mentions[0],) * 2, (Relation(0, "above", 1),)),
        Constraints((COMPLETE.mentions[0],) * 2, (Relation(0, "left", 1),)),
    ],
)
def test_an_entailed_claim_has_no_hallucination_and_an_exact_one_all_facts(claim, scene):
    atoms = claim.atoms(scene)
    assert (atoms.hallucination == 0) == claim.entailed_by(scene)
    assert (atoms.hallucination == 0 and atoms.informativeness == 1) == claim.exact_for(scene)
