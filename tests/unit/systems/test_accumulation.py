"""How a batch is cut into micro-batches, and what a run says of what sees only them."""

import logging
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning import Trainer
from torch import nn
from torch.utils.data import DataLoader

from diptych.runs.trainer import quiet
from diptych.systems.accumulation import Accumulation, rows, split
from diptych.systems.base import System
from diptych.systems.modes import once_a_step
from diptych.systems.optimizers import optimizer_for
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec

SPEC = DataSpec("patches", 8, 3, SPECIAL_TOKENS, 2)
SGD = partial(torch.optim.SGD, lr=0.1)


class Pair(NamedTuple):
    numbers: torch.Tensor
    words: tuple[str, ...]


class Own(System):
    """A system of one's own that follows the recipe."""

    def __init__(self, network: nn.Module | None = None, **settings: Any) -> None:
        super().__init__(data_spec=SPEC, **settings)
        self.network = network or nn.Sequential(nn.Flatten(), nn.Linear(192, 1))
        self.sizes: list[int] = []

    def configure_optimizers(self):
        return optimizer_for(SGD, self.network)

    def training_step(self, batch, batch_idx):
        self.count_images(len(batch))
        noise = torch.randn(len(batch), 1, generator=self.rng)
        self.log_metrics("train", self.optimize("", self.losses, of=(batch, noise)))

    def losses(self, batch, noise):
        self.sizes.append(len(batch))
        return {"loss": (self.network(batch.images) - noise).square().squeeze(1)}


class AtOnce(Own):
    """One that hands over the losses of its whole batch."""

    def training_step(self, batch, batch_idx):
        self.count_images(len(batch))
        self.optimize("", self.losses(batch, torch.zeros(len(batch), 1)))


class LeftToLightning(Own):
    """One whose steps Lightning takes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.automatic_optimization = True

    def training_step(self, batch, batch_idx):
        self.count_images(len(batch))
        return self.losses(batch, torch.zeros(len(batch), 1))["loss"].mean()


def make_batch(seed: int, size: int = 8) -> Batch:
    images = torch.randn(size, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    tokens = torch.ones(size, 1, 2, dtype=torch.long)
    return Batch(images, tokens, tokens > 0, sentences=(("a",),) * size)


def fit(system: System, number: int = 2) -> System:
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    batches = [make_batch(seed) for seed in range(number)]
    with quiet():
        trainer = Trainer(accelerator="cpu", max_epochs=1, enable_model_summary=False, **silent)
        trainer.fit(system, DataLoader(batches, batch_size=None))  # pyright: ignore[reportArgumentType]
    return system


@given(number=st.integers(1, 200), most=st.one_of(st.none(), st.integers(1, 250)))
def test_parts_are_all_examples_in_order_and_as_equal_as_possible(number, most):
    parts = split(number, most)
    assert [i for part in parts for i in range(number)[part]] == list(range(number))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) <= (most or number)
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == 1 or (len(parts) - 1) * most < number


def test_rows_are_of_everything_that_has_a_row_an_example():
    part, batch = slice(1, 3), make_batch(0, 4)
    pair = rows(Pair(torch.arange(4), ("a", "b", "c", "d")), part)
    assert (pair.numbers.tolist(), pair.words) == ([1, 2], ("b", "c"))
    assert rows(None, part) is None
    cut = rows(batch, part)
    assert torch.equal(cut.images, batch.images[1:3])
    assert (len(cut), cut.sentences, cut.labels, cut.scenes) == (2, (("a",),) * 2, None, ())


def test_losses_weigh_by_their_share_and_a_mean_stays_a_mean():
    weight = torch.zeros(6, requires_grad=True)
    whole, parts = Accumulation(torch.Tensor.backward), Accumulation(torch.Tensor.backward)
    values = torch.arange(6.0)
    whole.add({"loss": weight * values, "other": weight}, {"other": 3.0}, figures={"mean": values.mean()})
    expected, weight.grad = weight.grad, None
    for part in split(6, 4):
        losses = {"loss": weight[part] * values[part], "other": weight[part].mean()}
        parts.add(losses, {"other": 3.0}, share=3 / 6, figures={"mean": values[part].mean()})
    torch.testing.assert_close(weight.grad, expected)
    assert float(parts.figures["mean"]) == float(whole.figures["mean"]) == 2.5


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_system_that_follows_the_recipe_learns_the_same_in_parts(size):
    torch.manual_seed(0)
    whole = Own()
    parts = Own(micro_batch_size=size)
    parts.load_state_dict(whole.state_dict())
    fit(whole)
    fit(parts)
    assert whole.sizes == [8, 8]
    assert max(parts.sizes) <= size
    assert sum(parts.sizes) == 16
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [AtOnce, LeftToLightning])
def test_a_system_that_cannot_compute_in_parts_is_refused(kind):
    fit(kind())
    with pytest.raises(
        ValueError, match=rf"micro_batch_size=4: {kind.__name__}\.training_step computes its whole batch"
    ):
        fit(kind(micro_batch_size=4))


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_of_nothing_names_its_key(size):
    with pytest.raises(ValueError, match=rf"system\.micro_batch_size={size}: give a positive number"):
        Own(micro_batch_size=size)


class Contrast(nn.Module):
    """Looks at all examples of a batch."""

    couples_examples = True

    def forward(self, values):
        return values - values.mean(0)


def coupled_network() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.BatchNorm1d(4), nn.Linear(4, 1), Contrast())


def test_what_sees_only_micro_batches_is_said_once(caplog):
    fit(Own(coupled_network(), micro_batch_size=3), number=3)
    (said,) = [message for message in caplog.messages if "micro_batch_size" in message]
    assert said == (
        "system.micro_batch_size=3: a step of 8 examples is computed in 3 parts, and batch normalisation of network "
        "and network.4 see the examples of one part, not of the whole batch"
    )


def test_an_objective_that_is_no_module_may_say_so_as_well(caplog):
    system = Own(micro_batch_size=3)
    system.objective = type("Relative", (), {"couples_examples": True})()
    fit(system)
    assert "and objective sees the examples of one part" in caplog.text


@pytest.mark.parametrize("settings", [{}, {"micro_batch_size": 8}, {"micro_batch_size": 9}])
def test_whole_batches_need_no_word(settings, caplog):
    fit(Own(coupled_network(), **settings))
    assert "micro_batch_size" not in caplog.text


def test_where_nothing_is_coupled_or_norms_stand_still_nothing_is_said(caplog):
    caplog.set_level(logging.INFO, "diptych")
    network = coupled_network()[:4]
    network[2].eval()
    fit(Own(network, micro_batch_size=3))
    fit(Own(micro_batch_size=3))
    assert "micro_batch_size" not in caplog.text


@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, None])
def test_running_statistics_follow_all_parts_as_far_as_one_batch(momentum):
    """(1 - m) old + m times the mean over the parts, each by its share."""
    norm, values = nn.BatchNorm1d(2, momentum=momentum), torch.randn(8, 2) + 3
    parts = split(8, 3)
    for part in parts:
        share = (part.stop - part.start) / 8
        with once_a_step([norm], share=share, earlier=part.start / 8):
            norm(values[part])
    assert norm.momentum == momentum
    if momentum is None:
        expected = torch.stack([values[part].mean(0) for part in parts]).mean(0)
    else:
        expected = momentum * values.mean(0)
    torch.testing.assert_close(norm.running_mean, expected)


def test_running_statistics_begin_from_the_old_ones():
    norm, values = nn.BatchNorm1d(2), torch.randn(9, 2)
    norm.running_mean += 5
    for part in split(9, 3):
        with once_a_step([norm], share=1 / 3, earlier=part.start / 9):
            norm(values[part])
    torch.testing.assert_close(norm.running_mean, 0.9 * torch.full((2,), 5.0) + 0.1 * values.mean(0))


def test_a_spectral_estimate_takes_one_step_a_batch():
    torch.manual_seed(0)
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
    values = torch.randn(8, 4)
    start = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    layer(values)
    expected = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    layer.load_state_dict(start)
    for part in split(8, 3):
        with once_a_step(list(layer.modules()), share=(part.stop - part.start) / 8, earlier=part.start / 8):
            layer(values[part])
    assert all(torch.equal(tensor, layer.state_dict()[name]) for name, tensor in expected.items())
    assert not all(torch.equal(tensor, start[name]) for name, tensor in expected.items())
    assert all(module.training for module in layer.modules())
