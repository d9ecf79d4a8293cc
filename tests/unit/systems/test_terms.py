import pytest
import torch
from torch import nn

from diptych.systems.terms.base import Term, answers, asked, check_moments
from diptych.systems.terms.steps import ImageStep


class Darkness(Term):
    def image_losses(self, step):
        return {"darkness_loss": -step.fake.mean((1, 2, 3))}


class Elsewhere(Term):
    """A term of a family with a moment of its own."""

    def evening_losses(self, step):
        return {"evening_loss": step.fake.mean((1, 2, 3))}


def step() -> ImageStep:
    images = torch.full((2, 1, 4, 4), 0.5)
    return ImageStep(images, images, None, None, torch.Generator(), 1)


def test_a_term_answers_at_the_moments_that_it_writes():
    assert answers(Darkness(), "image_losses")
    assert answers(Darkness, "image_losses")
    assert not answers(Elsewhere(), "image_losses")
    assert answers(Elsewhere(), "evening_losses")
    assert not answers(Darkness(), "evening_losses")


def test_a_term_that_has_nothing_to_say_is_asked_in_vain():
    assert asked(Darkness(), "image_losses", step())["darkness_loss"].tolist() == [-0.5, -0.5]
    assert asked(Elsewhere(), "image_losses", step()) == {}
    assert asked(Darkness(), "evening_losses", step()) == {}


def test_a_term_of_another_family_is_refused_by_its_key():
    check_moments({"mine": Darkness()}, ("image_losses",))
    with pytest.raises(
        ValueError,
        match=r"terms\.theirs: Elsewhere learns at evening_losses, and this system asks for image_losses: .*~terms",
    ):
        check_moments({"mine": Darkness, "theirs": Elsewhere}, ("image_losses",))


def test_helpers_are_none_unless_a_term_names_some():
    assert Darkness().helpers() == []
    assert isinstance(Darkness(), nn.Module)
