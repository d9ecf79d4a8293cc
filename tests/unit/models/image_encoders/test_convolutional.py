import pytest
import torch

from diptych.models.image_encoders import ConvEncoder


def test_regions_are_the_grid_row_by_row():
    """A change in one corner changes the regions near it and none far away."""
    encoder = ConvEncoder(image_size=64, widths=(4, 6, 8), num_halvings=3).eval()
    image = torch.zeros(1, 3, 64, 64)
    image[..., 2:5, -5:-2] = 1
    changed = (encoder(image).regions - encoder(torch.zeros(1, 3, 64, 64)).regions).abs().sum(-1)
    changed = changed.view(8, 8) > 1e-6
    assert changed[0, 7]
    assert not changed[3:].any()
    assert not changed[:, :5].any()


@pytest.mark.parametrize(
    ("image_size", "num_halvings", "grid"), [(32, 3, 4), (32, 2, 8), (28, 2, 7), (28, 3, 3), (64, 3, 8)]
)
def test_every_halving_halves_the_grid(image_size, num_halvings, grid):
    encoder = ConvEncoder(image_size=image_size, image_channels=1, widths=(4, 6, 8), num_halvings=num_halvings)
    features = encoder(torch.randn(2, 1, image_size, image_size))
    assert encoder.grid_size == grid
    assert features.regions.shape == (2, grid**2, encoder.region_dim)
    assert features.pooled.shape == (2, encoder.pooled_dim)


def test_equal_objects_in_different_places_have_different_features():
    """The convolutions are equal in both halves; position embeddings alone distinguish them, also after pooling."""
    encoder = ConvEncoder(image_size=64, widths=(4, 6, 8), num_halvings=3).eval()
    left, right = torch.zeros(2, 1, 3, 64, 64)
    left[..., 24:32, 16:24] = 1
    right[..., 24:32, 40:48] = 1
    assert not torch.allclose(encoder(left).pooled, encoder(right).pooled)
    with torch.no_grad():
        encoder.position.zero_()
    torch.testing.assert_close(encoder(left).pooled, encoder(right).pooled)


def test_images_that_cannot_be_halved_so_often_are_refused():
    with pytest.raises(ValueError, match="4 px cannot be halved that often"):
        ConvEncoder(image_size=4, num_halvings=3)
    with pytest.raises(ValueError, match="num_halvings=4"):
        ConvEncoder(image_size=32, num_halvings=4, widths=(4, 8, 8))
