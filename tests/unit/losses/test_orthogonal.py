import pytest
import torch

from diptych.losses.orthogonal import orthogonal_loss


@pytest.mark.parametrize("shape", [(3, 5), (4, 4), (7, 2)])
def test_the_loss_is_the_squared_off_diagonal_of_the_gram_matrix(shape):
    filters = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gram = filters @ filters.T
    by_hand = (gram * (1 - torch.eye(len(gram), dtype=torch.float64))).square().sum()
    torch.testing.assert_close(orthogonal_loss(filters), by_hand)


@pytest.mark.parametrize("shape", [(3, 5), (7, 2)])
def test_its_gradient_is_its_finite_difference(shape):
    filters = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(orthogonal_loss, filters)


def test_orthogonal_filters_of_any_length_cost_nothing():
    filters = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))[0] * torch.arange(1.0, 7.0)
    assert float(orthogonal_loss(filters.T)) == pytest.approx(0, abs=1e-8)
