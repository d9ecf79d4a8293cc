import pytest
import torch

from diptych.models.whitening import Whitening


def loud_and_quiet(number=4000):
    """Two directions, one a thousand times as strong as the other, rotated, around a mean; the other three zero."""
    rng = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, generator=rng))
    scores = torch.randn(number, 5, generator=rng) * torch.tensor([10.0, 0.01, 0.0, 0.0, 0.0])
    return scores @ rotation + 3.0


def test_nothing_changes_before_it_settles():
    vectors = loud_and_quiet(10)
    torch.testing.assert_close(Whitening(5, 1e-4)(vectors), vectors)


def test_strong_and_weak_directions_become_equally_strong():
    whitening, vectors = Whitening(5, floor=1e-7), loud_and_quiet()
    for chunk in vectors.split(256):
        whitening.observe(chunk)
    whitening.settle()
    white = whitening(vectors)
    variances = torch.linalg.eigvalsh(torch.cov(white.T.double()))
    torch.testing.assert_close(variances[-2:], torch.full((2,), 2.5, dtype=torch.float64), rtol=1e-2, atol=0)
    torch.testing.assert_close(white.mean(0), torch.zeros(5), rtol=0, atol=1e-2)
    torch.testing.assert_close(white.square().mean(), torch.tensor(1.0), rtol=1e-2, atol=0)


def test_directions_below_the_floor_are_dropped():
    whitening, vectors = Whitening(5, floor=1e-2), loud_and_quiet()
    whitening.observe(vectors)
    whitening.settle()
    assert torch.linalg.matrix_rank(whitening(vectors), rtol=1e-3) == 1


def test_the_statistics_are_part_of_a_checkpoint():
    first, second = Whitening(5, 1e-4), Whitening(5, 1e-4)
    vectors = loud_and_quiet()
    first.observe(vectors[:2000])
    second.load_state_dict(first.state_dict())
    for whitening in (first, second):
        whitening.observe(vectors[2000:])
        whitening.settle()
    assert torch.equal(first(vectors), second(vectors))


def test_settling_without_vectors_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        Whitening(5, 1e-4).settle()


def test_reset_restores_the_initial_state():
    used, new, vectors = Whitening(5, floor=1e-7), Whitening(5, floor=1e-7), loud_and_quiet()
    used.observe(100 + 3 * vectors)
    used.settle()
    used.reset()
    assert torch.equal(used(vectors), vectors)
    for whitening in (used, new):
        whitening.observe(vectors)
        whitening.settle()
    assert torch.equal(used(vectors), new(vectors))
