import math

import pytest
import torch
from torch.nn import functional as F

from diptych.losses.contrastive import contrastive_loss


def embeddings(number: int = 5, dim: int = 8):
    return torch.randn(number, dim), torch.randn(number, dim)


def test_a_batch_of_one_costs_nothing():
    assert contrastive_loss(*embeddings(1), temperature=0.1).tolist() == [0.0]


def test_equal_embeddings_cost_the_logarithm_of_the_batch():
    same = torch.ones(6, 4)
    assert contrastive_loss(same, same, temperature=0.1).tolist() == pytest.approx([math.log(6)] * 6)


def test_orthogonal_pairs_cost_their_closed_form():
    """Own similarity 1, others 0: log(1 + (n - 1) exp(-1 / temperature))."""
    loss = contrastive_loss(torch.eye(4), 3 * torch.eye(4), temperature=0.5)
    assert loss.tolist() == pytest.approx([math.log(1 + 3 * math.exp(-2))] * 4)


def test_the_loss_is_symmetric_in_images_and_texts():
    images, texts = embeddings()
    compatible = torch.rand(5, 5) > 0.7
    forward = contrastive_loss(images, texts, temperature=0.2, compatible=compatible)
    backward = contrastive_loss(texts, images, temperature=0.2, compatible=compatible.T)
    torch.testing.assert_close(forward, backward)


def test_only_directions_matter():
    images, texts = embeddings()
    scaled = contrastive_loss(7 * images, 0.1 * texts, temperature=0.2)
    torch.testing.assert_close(scaled, contrastive_loss(images, texts, temperature=0.2))


def test_a_compatible_pair_leaves_both_denominators():
    images, texts = embeddings(2)
    compatible = torch.tensor([[False, True], [False, False]])
    masked = contrastive_loss(images, texts, temperature=0.3, compatible=compatible)
    similarities = F.normalize(images, dim=1) @ F.normalize(texts, dim=1).T / 0.3
    row = F.cross_entropy(similarities[1:2], torch.tensor([1]))
    column = F.cross_entropy(similarities[:, :1].T, torch.tensor([0]))
    torch.testing.assert_close(masked, torch.stack([column / 2, row / 2]))


def test_a_pair_of_equal_captions_is_not_pushed_apart():
    images, texts = embeddings()
    texts[1] = texts[0]
    both = torch.ones(2, 2, dtype=torch.bool)
    alone = contrastive_loss(images[:2], texts[:2], temperature=0.1, compatible=both)
    assert alone.tolist() == [0.0, 0.0]


def test_the_own_caption_is_never_masked():
    images, texts = embeddings()
    diagonal = torch.eye(5, dtype=torch.bool)
    with_diagonal = contrastive_loss(images, texts, temperature=0.2, compatible=diagonal)
    torch.testing.assert_close(with_diagonal, contrastive_loss(images, texts, temperature=0.2))


def test_masked_pairs_send_no_nan_backwards():
    images, texts = embeddings()
    images.requires_grad_()
    loss = contrastive_loss(images, texts, temperature=0.05, compatible=torch.ones(5, 5, dtype=torch.bool))
    loss.sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()


def test_half_precision_embeddings_are_compared_in_float32():
    images, texts = (tensor.bfloat16() for tensor in embeddings())
    loss = contrastive_loss(images, texts, temperature=0.07)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, contrastive_loss(images.float(), texts.float(), temperature=0.07))


def test_autocast_does_not_round_similarities():
    images, texts = embeddings()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = contrastive_loss(images, texts, temperature=0.01)
    assert torch.equal(rounded, contrastive_loss(images, texts, temperature=0.01))


def test_a_temperature_can_learn():
    """At orthogonal pairs a lower temperature costs less: the loss is log(1 + (n - 1) exp(-1 / temperature))."""
    temperature = torch.tensor(0.5, requires_grad=True)
    contrastive_loss(torch.eye(4), torch.eye(4), temperature=temperature).mean().backward()
    share = 3 * math.exp(-2) / (1 + 3 * math.exp(-2))
    assert temperature.grad is not None
    assert float(temperature.grad) == pytest.approx(share / 0.5**2, rel=1e-5)
