"""Back from images to their noise, and how far a call has come."""

import pytest
import torch
from letters import make_batch
from torch import nn

from diptych.models.null_condition import NullCondition
from diptych.systems.diffusion.inversion import GivenNoise
from diptych.systems.diffusion.options import DiffusionOptions

SENTENCES = ["a b c", "d e", "f"]


class Smooth(nn.Module):
    """The denoiser of images that are normally distributed around what their sentence says; a flow's."""

    def __init__(self) -> None:
        super().__init__()
        self.null = NullCondition(6, 6)
        self.to_image = nn.Linear(6, 784)

    def forward(self, noisy, levels, text=None):
        time = levels[0].view(-1, 1, 1, 1)
        mean = 0 if text is None else self.to_image(text.sentence).view(-1, 1, 28, 28)
        slope = (1 - time) / ((1 - time).square() + time.square())
        return mean + slope * (noisy - (1 - time) * mean)


def smooth(make_lively, **settings):
    torch.manual_seed(0)
    return make_lively(denoiser=Smooth(), average_lengths=(), **settings)


@pytest.mark.parametrize("guidance_scale", [1.0, 1.5])
def test_pictures_are_nearly_made_again_from_their_own_noise_and_edited(make_lively, guidance_scale):
    flow = smooth(make_lively)
    options = DiffusionOptions(steps=40, solver="ddim", guidance_scale=guidance_scale)
    pictures = make_batch(3, size=3).images * 0.5
    noise = flow.invert(pictures, SENTENCES, 0, options, batch_size=2)
    again = flow.generate_from(noise, SENTENCES, options, batch_size=3)
    error = (again - pictures).abs().mean()
    assert error < 0.06  # of the noise that was mixed in
    others = flow.generate_from(noise, ["g h"] * 3, options)
    assert (others - again).abs().mean() > 2 * error
    alone = flow.invert(pictures[1:2], SENTENCES[1:2], 0, options)
    assert not torch.allclose(alone, noise[1:2], atol=1e-3)  # its number among the images says which noise
    assert not flow.invert(pictures, SENTENCES, 1, options).equal(noise)


def test_a_flow_without_sentences_goes_back_too(make_lively):
    flow = smooth(make_lively, conditional=False)
    pictures = make_batch(3, size=2).images * 0.5
    again = flow.generate_from(flow.invert(pictures))
    assert (again - pictures).abs().mean() < 0.08


def test_what_cannot_go_back_is_refused(make_lively):
    flow = make_lively()
    pictures = make_batch(0, size=2).images
    with pytest.raises(ValueError, match="solver=heun: the way back from an image is that of ddim"):
        flow.invert(pictures, SENTENCES[:2], 0, DiffusionOptions(solver="heun"))
    with pytest.raises(ValueError, match="steps=3: the way back from an image takes 4 steps or more"):
        flow.invert(pictures, SENTENCES[:2], 0, DiffusionOptions(solver="ddim", steps=3))
    with pytest.raises(ValueError, match="3 sentences and 2 images: give one for each"):
        flow.invert(pictures, SENTENCES)
    with pytest.raises(ValueError, match="only the first is given: choose solver=ddim"):
        flow.generate_from(pictures, SENTENCES[:2], DiffusionOptions(solver="ddpm"))
    with pytest.raises(ValueError, match=r"the noise of an image is \(1, 28, 28\), not \(3, 8, 8\)"):
        flow.generate_from(torch.zeros(2, 3, 8, 8), SENTENCES[:2])
    with pytest.raises(ValueError, match="an image has no noise of its own"):
        GivenNoise(pictures).rand(3)


def test_progress_counts_steps_and_images_and_stops_the_call(make_lively):
    flow, seen = make_lively(), []
    options = DiffusionOptions(steps=4, solver="heun")
    flow.generate(SENTENCES, options=options, batch_size=2, progress=lambda made, total: seen.append((made, total)))
    assert {total for _, total in seen} == {3}
    made = [number for number, _ in seen]
    assert made == sorted(made)
    assert set(made) == {0, 0.5, 1, 1.5, 2, 2.25, 2.5, 2.75, 3}

    def stop(made, total):
        if made >= 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow.generate(SENTENCES, options=options, batch_size=2, progress=stop)
    calm = flow.generate(SENTENCES, options=options)
    assert calm.equal(flow.generate(SENTENCES, options=options))


def test_the_way_back_tells_how_far_it_is(make_lively):
    flow, seen = smooth(make_lively), []
    flow.invert(make_batch(0, size=3).images, SENTENCES, batch_size=2, progress=lambda made, _: seen.append(made))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 3)
    assert len(set(seen)) > 20
