import pytest
import torch
from torch import nn

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.models.latent_encoders import Posterior
from diptych.runs.choice import check_components
from diptych.systems.gan.terms.reconstruction import Reconstruction


class PixelsToLatents(nn.Module):
    """A latent encoder that needs no backbone."""

    def __init__(self, latent_dim: int = 10) -> None:
        super().__init__()
        self.read = nn.Linear(28 * 28, 2 * latent_dim)

    def forward(self, images, text=None):
        return Posterior(*self.read(images.flatten(1)).chunk(2, dim=1))


def reconstruction(latent_dim: int = 10, **settings: float) -> dict[str, Reconstruction]:
    weights = {"weight": 10.0, "kl_weight": 0.1, "latent_weight": 1.0} | settings
    return {"reconstruction": Reconstruction(latent_encoder=PixelsToLatents(latent_dim), **weights)}


def test_real_pictures_are_generated_again_and_the_encoder_learns(make_gan, train, batches):
    gan = make_gan(terms=reconstruction())
    before = gan.terms["reconstruction"].latent_encoder.read.weight.clone()
    rows = train(gan, batches)
    assert {"reconstruction_loss", "kl_loss", "latent_loss"} <= rows[-1].keys()
    assert not torch.equal(gan.terms["reconstruction"].latent_encoder.read.weight, before)
    assert [name for name in gan.state_dict() if name.startswith("terms.reconstruction.latent_encoder")]


def test_generation_one_picture_over_and_over_brings_it_nearer(make_gan, train, batch_of):
    gan = make_gan(terms=reconstruction(weight=1000.0, kl_weight=0.0, latent_weight=0.0))
    rows = train(gan, [batch_of(0)] * 40)
    assert rows[-1]["reconstruction_loss"] < 0.9 * rows[0]["reconstruction_loss"]


def test_it_works_without_sentences(make_gan, train, batches):
    rows = train(make_gan(conditional=False, terms=reconstruction()), batches)
    assert rows[-1]["reconstruction_loss"] > 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["term=reconstruction"], "no latent_encoder is chosen: add latent_encoder="),
        (["latent_encoder=backbone"], "latent_encoder is chosen, but GAN has no place for it"),
    ],
)
def test_the_encoder_and_its_term_come_together(overrides, message):
    with pytest.raises(UserError, match=message):
        check_components(compose(["model=dcgan", "data=digits", *overrides]))


def test_what_its_latents_cost_needs_the_term():
    with pytest.raises(UserError, match=r"no term of that key is chosen: add it with \+term=reconstruction"):
        check_components(compose(["model=dcgan", "data=digits", "+terms.reconstruction.kl_weight=0.1"]))


def test_an_encoder_of_other_latents_is_named_when_the_system_is_built(make_gan):
    with pytest.raises(ValueError, match=r"PixelsToLatents cannot read .*: it finds 9 latents, not 10"):
        make_gan(terms=reconstruction(9))


def test_the_encoder_learns_at_its_own_rate(make_gan):
    gan = make_gan(terms=reconstruction(lr_multiplier=4.0))
    rates = [group["lr"] for group in gan.configure_optimizers()[1].param_groups]
    assert rates == pytest.approx([2e-4, 2e-4, 8e-4])
