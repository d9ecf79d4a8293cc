"""Terms of denoisers alone: away from other sentences, and towards what a frozen encoder sees."""

import copy
from types import SimpleNamespace

import pytest
import torch
from letters import SPEC, make_batch
from letters import train_once as train
from torch import nn

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.diffusion.predictions import Image, Noise, V, Velocity
from diptych.diffusion.processes import CosineAlpha, LinearBeta, RectifiedFlow
from diptych.models.denoisers.dit import DiT
from diptych.runs.choice import check_components
from diptych.systems.diffusion.terms.contrastive_flow import ContrastiveFlow
from diptych.systems.diffusion.terms.representation_alignment import RepresentationAlignment


def losses_of(flow, batch, dropped, shares):
    """What the flow loses, with what it drew."""
    flow.eval()
    flow.turn = 1
    flow.image_std.fill_(0.6)
    drawn = flow._draw(batch.images, flow.draw_prompts(batch))
    drawn = drawn._replace(dropped=torch.tensor(dropped), shares=torch.tensor(shares))
    return flow._losses(drawn)[0], drawn


def test_contrastive_flow_is_the_distance_to_the_flow_of_the_most_similar_sentence(make_lively):
    flow = make_lively(terms={"contrastive_flow": ContrastiveFlow()}, max_loss_weight=4.0)
    with torch.no_grad():  # a, b and c lie on a line, d apart
        flow.text_encoder.embedding.weight.zero_()[4:8, 0] = torch.tensor([1.0, 0.9, 0.8, -1.0])
        flow.text_encoder.embedding.weight[4:8, 1] = torch.tensor([0.0, 0.1, 0.4, 0.1])
    batch, shares = make_batch(0, sentences=["a", "b", "c", "d"]), [0.05, 0.3, 0.6, 0.9]
    losses, drawn = losses_of(flow, batch, [False] * 4, shares)
    times = flow.times.quantile(torch.tensor(shares), flow.process).view(-1, 1, 1, 1)
    images = batch.images / 0.6
    noisy = (1 - times) * images + times * drawn.noise
    guess = flow.denoiser(noisy, [times.flatten()], flow.text_encoder(batch.pick(0)))
    said, velocities = (noisy - guess) / times, drawn.noise - images
    nearest = [1, 0, 1, 2]
    distances = (said - velocities[nearest]).square().mean((1, 2, 3)) * (4 * times.square()).clamp(max=1).flatten()
    torch.testing.assert_close(losses["contrastive_flow_loss"], -distances, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("process", "prediction", "measured"),
    [
        (RectifiedFlow(), Image(), Velocity()),
        (RectifiedFlow(), Image(), None),
        (CosineAlpha(), Noise(), None),
        (CosineAlpha(), V(), None),
        (LinearBeta(), V(), Image()),
    ],
)
def test_contrastive_flow_is_measured_as_the_systems_own_loss(make_lively, process, prediction, measured):
    """Second derivatives by the guess: the system's own, times the weight; so that the sum is convex below 1."""
    chosen = {"process": process, "prediction": prediction, "loss_prediction": measured}
    flow = make_lively(terms={"contrastive_flow": ContrastiveFlow()}, **chosen)
    batch = make_batch(0, sentences=["a", "b", "c", "d"])
    own, avoided = [], []
    guess = flow.guess
    for shift in (-0.5, 0.0, 0.5):

        def shifted(denoiser, noisy, times, text, *more, shift=shift):
            _, image = guess(denoiser, noisy, times, text, *more)
            level = flow.process.at(times).over(noisy)
            moved = image + shift
            return flow.prediction.slope(level) * moved + flow.prediction.offset(noisy, level), moved

        flow.guess, flow.rng = shifted, torch.Generator().manual_seed(1)
        losses, _ = losses_of(flow, batch, [False] * 4, [0.2, 0.4, 0.6, 0.8])
        own.append(losses["loss"].detach().double())
        avoided.append(losses["contrastive_flow_loss"].detach().double())
    bends = [some[0] - 2 * some[1] + some[2] for some in (own, avoided)]
    torch.testing.assert_close(bends[1], -bends[0], rtol=5e-2, atol=1e-3)


def test_a_weight_with_which_nothing_holds_the_network_is_refused():
    with pytest.raises(ValueError, match=r"terms\.contrastive_flow\.weight=1: .* give 0 to below 1"):
        ContrastiveFlow(weight=1.0)


def test_contrastive_flow_leaves_out_true_sentences_and_images_without_one(make_lively):
    flow = make_lively(terms={"contrastive_flow": ContrastiveFlow()})
    batch = make_batch(0, sentences=["ab", "ba", "ab", "ab"])  # one set of words, so true of one another
    losses, _ = losses_of(flow, batch, [False] * 4, [0.2, 0.4, 0.6, 0.8])
    assert losses["contrastive_flow_loss"].tolist() == [0.0] * 4
    batch = make_batch(0, sentences=["a", "b", "c", "d"])
    losses, _ = losses_of(flow, batch, [True, False, False, True], [0.2, 0.4, 0.6, 0.8])
    assert losses["contrastive_flow_loss"].ne(0).tolist() == [False, True, True, False]


class Halves(nn.Module):
    """Sees images at two sizes."""

    def grids(self, images):
        return [images.expand(-1, 3, -1, -1), nn.functional.avg_pool2d(images, 4).expand(-1, 5, -1, -1)]


def aligned(**settings):
    lender = SimpleNamespace(data_spec=SPEC, image_encoder=Halves())
    return RepresentationAlignment(data_spec=SPEC, classifier=lender, hidden_dim=8, **settings)


def small_dit():
    return DiT(
        sample_size=28, sample_channels=1, condition_dim=6, word_dim=6, patch_size=4, dim=8, num_heads=2, depth=4
    )


@pytest.mark.parametrize("kind", ["unet", "dit"])
def test_alignment_is_the_cosine_of_the_projected_grid_and_the_encoders(make_lively, kind):
    term = aligned()
    flow = make_lively(terms={"alignment": term}, **({"denoiser": small_dit()} if kind == "dit" else {}))
    batch, heard = make_batch(0), []
    flow.denoiser.hidden.register_forward_hook(lambda module, inputs, output: heard.append(output))
    losses, _ = losses_of(flow, batch, [False] * 4, [0.2, 0.4, 0.6, 0.8])
    grid = heard[0] if kind == "unet" else heard[0].transpose(1, 2).unflatten(2, (7, 7))
    assert grid.shape == (4, flow.denoiser.hidden_dim, 7, 7)
    own, seen = term.projection(grid).flatten(2), Halves().grids(batch.images)[1].flatten(2)
    cosine = (own * seen).sum(1) / own.norm(dim=1) / seen.norm(dim=1)
    torch.testing.assert_close(losses["alignment_loss"], 1 - cosine.mean(1), atol=1e-5, rtol=1e-5)
    losses["alignment_loss"].sum().backward()
    early = flow.denoiser.first.weight.grad
    assert early is not None
    assert early.any()
    assert flow.denoiser.last[-1].weight.grad is None if kind == "unet" else flow.denoiser.last.weight.grad is None


def test_alignment_is_learned_and_ends(make_flow):
    flow = make_flow(terms={"alignment": aligned(weight=5.0, until_images=100)})
    rows = train(flow, [make_batch(0)] * 30)
    assert rows[24]["alignment_loss"] < 0.85 * rows[0]["alignment_loss"]
    assert rows[25]["alignment_loss"] == rows[29]["alignment_loss"]  # said no more
    weights = copy.deepcopy(flow.terms["alignment"].projection.state_dict())
    bare = make_flow(terms={"alignment": RepresentationAlignment(data_spec=SPEC)})
    bare.load_state_dict(flow.state_dict())  # as a run restored to generate, where nobody lends
    with pytest.raises(ValueError, match=r"terms\.representation_alignment needs a frozen image encoder"):
        train(bare, [make_batch(0)])
    again = make_flow(terms={"alignment": aligned()})
    again.load_state_dict(flow.state_dict())
    assert all(weights[key].equal(value) for key, value in again.terms["alignment"].projection.state_dict().items())
    other = copy.deepcopy(flow)
    other.denoiser(torch.zeros(1, 1, 28, 28), [torch.zeros(1)], flow.denoiser.null(1))
    assert len(other.terms["alignment"].heard) == 1  # the copy listens to its own denoiser
    assert flow.terms["alignment"].heard == []


def test_a_flow_of_one_step_refuses_what_looks_at_every_guess():
    words = ["model=mean_flow", "data=digits", "data.image_size=32", "text_encoder=gru"]
    borrowed = "+parts.classifier={run: x, task: classification}"
    for term, more in (("representation_alignment", [borrowed]), ("contrastive_flow", [])):
        with pytest.raises(UserError, match=rf"terms\.{term}: .* asks for image_losses: drop it with ~terms\.{term}"):
            check_components(compose([*words, f"term={term}", *more]))
