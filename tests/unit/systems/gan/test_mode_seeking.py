import pytest
import torch

from diptych.losses.mode_seeking import mode_seeking_loss
from diptych.systems.gan.steps import GenerationStep, Networks
from diptych.systems.gan.terms.mode_seeking import ModeSeeking


def variety(gan) -> float:
    """Standard deviation of pixels between images of one sentence."""
    return float(gan.generate(["a b c"] if gan.text_encoder else None, num_images=32).std(dim=0).mean())


@pytest.mark.parametrize("conditional", [True, False])
def test_the_generator_learns_to_give_other_images_for_other_latents(make_gan, train, batch_of, conditional):
    seeking, plain = (make_gan(conditional, terms=terms) for terms in ({"m": ModeSeeking(weight=1.0)}, {}))
    rows = train(seeking, [batch_of(0)] * 40)
    train(plain, [batch_of(0)] * 40)
    assert rows[-1]["mode_seeking_loss"] < 0.9 * rows[0]["mode_seeking_loss"]
    assert variety(seeking) > 1.2 * variety(plain)


def test_the_second_image_is_of_the_same_sentence_and_of_latents_drawn_from_the_steps_randomness(make_gan, batch_of):
    gan = make_gan()
    text, latents = gan.text_encoder(batch_of(0).pick(0)), torch.randn(4, 10)
    fake = gan.generator(latents, text)
    networks = Networks(gan.generator, gan.discriminator, gan.objective, gan.text_encoder)
    step = GenerationStep(fake, fake, None, text, torch.Generator().manual_seed(5), 1, networks, latents)
    others = torch.randn(4, 10, generator=torch.Generator().manual_seed(5))
    expected = mode_seeking_loss(latents, others, fake, gan.generator(others, text))
    torch.testing.assert_close(ModeSeeking().generation_losses(step)["mode_seeking_loss"], expected)


def test_gradients_reach_the_generator_through_both_images(make_gan):
    gan = make_gan(conditional=False)
    latents = torch.randn(4, 10)
    networks = Networks(gan.generator, gan.discriminator, gan.objective)

    def gradient(fake):
        step = GenerationStep(fake, fake, None, None, torch.Generator().manual_seed(5), 1, networks, latents)
        loss = ModeSeeking().generation_losses(step)["mode_seeking_loss"].sum()
        return torch.autograd.grad(loss, gan.generator.layers[0].weight)[0]

    both, second = (gradient(image) for image in (gan.generator(latents), gan.generator(latents).detach()))
    assert second.abs().sum() > 0
    assert not torch.allclose(both, second)
