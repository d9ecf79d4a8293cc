"""What a GAN is made of goes together, or is refused before data are loaded."""

import pytest

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.losses.adversarial import Hinge, Minimax, Wasserstein
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.runs.choice import check_components
from diptych.systems.gan.terms.gradient_penalty import GradientPenalty
from diptych.systems.gan.terms.zero_centred import R1, R2


def chosen(*overrides):
    return compose(["model=mlp_gan", "data=digits", *overrides])


def reason(*overrides: str) -> str | None:
    """Why the choice is refused before data are loaded; None where it is not."""
    try:
        check_components(chosen(*overrides))
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "bound",
    ["term=gradient_penalty", "term=r1", "term=r2", "discriminator.spectral_norm=true", "discriminator=projection"],
)
def test_a_wasserstein_critic_has_something_that_bounds_it(bound):
    assert reason("objective=wasserstein", "data.image_size=32", bound) is None


@pytest.mark.parametrize(
    "others",
    [[], ["term=orthogonal"], ["discriminator=projection", "discriminator.spectral_norm=false", "data.image_size=32"]],
)
def test_an_unbounded_critic_is_refused_before_data_are_loaded(others):
    with pytest.raises(
        UserError, match=r"objective \(Wasserstein\) is unbounded .*\+term=gradient_penalty.*choose another"
    ):
        check_components(chosen("objective=wasserstein", *others))


def test_no_critic_prefers_right_sentences_without_bound():
    wrong = ["objective=wasserstein", "text_encoder=gru", "system.mismatch_weight=0.5"]
    said = reason(*wrong, "term=gradient_penalty")
    assert said is not None
    assert said.startswith("system.mismatch_weight=0.5: with this objective nothing bounds")
    assert reason(*wrong, "term=gradient_penalty", "system.mismatch_weight=0") is None
    assert reason(*wrong, "term=matching_gradient_penalty") is None
    assert reason("text_encoder=gru", "system.mismatch_weight=0.5", "objective=hinge") is None


def test_a_gan_built_by_hand_is_checked_as_well(make_gan):
    plain = {"conditional": False, "objective": Wasserstein()}
    make_gan(**plain, discriminator=MLPDiscriminator(spectral_norm=True))
    for term in (GradientPenalty(), R1(), R2()):
        make_gan(**plain, discriminator=MLPDiscriminator(), terms={"mine": term})
    with pytest.raises(ValueError, match=r"objective .* is unbounded"):
        make_gan(**plain, discriminator=MLPDiscriminator())
    for objective in (Hinge(), Minimax()):
        make_gan(conditional=False, discriminator=MLPDiscriminator(), objective=objective)


@pytest.mark.parametrize("objective", ["wasserstein", "relativistic"])
def test_ada_wants_logits_with_a_zero(objective):
    with pytest.raises(UserError, match=r"augmentations\.ada adapts to the sign .*~augmentations\.ada"):
        check_components(chosen(f"objective={objective}", "term=r1", "augmentation=ada"))
    check_components(chosen("objective=least_squares", "augmentation=[ada]"))


def test_sentences_are_checked_before_data_are_loaded():
    check_components(chosen("augmentation=[flip]"))
    read = ["text_encoder=gru", "augmentation=[flip]"]
    with pytest.raises(UserError, match=r"augmentations\.flip: Flip exchanges left and right"):
        check_components(chosen(*read))
    check_components(chosen(*read, "augmentations.flip.may_break=[position]"))


def test_stages_do_not_go_with_augmentations():
    attngan = ["model=attngan", "data=scenes_demo"]
    check_components(compose([*attngan]))
    check_components(compose([*attngan, "augmentation=[diffaugment]", "~augmentations.diffaugment"]))
    match = r"terms\.stages judges smaller images .*drop ~augmentations\.diffaugment ~augmentations\.ada, or .*~terms"
    with pytest.raises(UserError, match=match):
        check_components(compose([*attngan, "augmentation=[diffaugment,ada]"]))


def test_a_terms_augmentation_is_checked_before_data_are_loaded():
    strong = ["text_encoder=gru", "term=consistency", "terms.consistency.augmentation.policy=[cutout]"]
    with pytest.raises(UserError, match=r"terms\.consistency\.augmentation: Cutout hides"):
        check_components(chosen(*strong))


def test_an_impossible_value_is_refused_with_its_key_before_data_are_loaded():
    with pytest.raises(UserError, match=r"augmentations\.diffaugment: policy=.*'colour' is none of color"):
        check_components(chosen("augmentation=diffaugment", "augmentations.diffaugment.policy=[colour]"))


def test_an_operation_joins_ada_by_its_file():
    config = chosen("augmentation=ada", "+augmentation@augmentations.ada.operations.flip=flip")
    check_components(config)
    assert list(config["augmentations"]["ada"]["operations"])[-1] == "flip"


def test_a_captioner_has_no_place_for_augmentations():
    with pytest.raises(UserError, match=r"augmentations\.diffaugment is chosen, but Captioner has no place for it"):
        check_components(compose(["model=cnn_rnn", "data=digits", "augmentation=[diffaugment]"]))


def test_no_noise_is_left_at_the_end_of_the_budget():
    config = chosen("augmentation=instance_noise", "budget_images=1234")
    assert config["augmentations"]["instance_noise"]["schedule"]["total_images"] == 1234


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_a_size_that_a_network_refuses_is_refused_before_data_are_loaded(role):
    with pytest.raises(UserError, match=rf"{role}: image_size=28: DF-GAN doubles .*set data\.image_size=32"):
        check_components(chosen("text_encoder=gru", f"{role}=dfgan"))
    check_components(chosen("text_encoder=gru", f"{role}=dfgan", "data.image_size=32"))


def test_a_refusal_that_is_not_of_the_size_waits_for_the_data():
    """What the data and other networks say is guessed before they are there."""
    assert reason("generator=biggan", "data.image_size=32", "generator.latent_dim=7") is None


def test_values_of_a_term_that_is_not_chosen_are_named_with_both_ways_out():
    with pytest.raises(UserError, match=r"terms\.r1=.*no term of that key is chosen.*\+term=r1.*~terms\.r1"):
        check_components(compose(["model=r3gan", "data=digits", "term=[gradient_penalty]"]))
    check_components(compose(["model=r3gan", "data=digits", "term=[gradient_penalty]", "~terms.r1", "~terms.r2"]))
