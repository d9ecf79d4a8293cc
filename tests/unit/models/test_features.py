import hashlib

import pytest
import torch
from torch import nn

from diptych.metrics.pictures import frechet_distance
from diptych.metrics.weights_digest import weights_digest
from diptych.models import inception
from diptych.models.features import ModuleFeatures, RandomFeatures
from diptych.models.inception import InceptionFeatures
from diptych.types import ImageFeatures
from diptych.world import WorldSpec, render, scene_at

WORLD = WorldSpec()


def rendered(num: int, start: int = 0) -> torch.Tensor:
    return render([scene_at(WORLD, "train", 0, start + i) for i in range(num)])


def test_the_random_network_is_the_same_everywhere():
    """Its weights are a function of the seed alone: this digest is that of every machine."""
    torch.rand(3)
    digest = weights_digest(RandomFeatures().state_dict())
    assert digest == weights_digest(RandomFeatures().state_dict())
    assert digest[:16] == "b7111c4b7a65eff0"
    assert weights_digest(RandomFeatures(seed=1).state_dict()) != digest


def test_the_random_network_leaves_the_global_randomness_alone():
    before = torch.get_rng_state()
    RandomFeatures()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_vector_of_an_image_never_depends_on_other_images():
    network, images = RandomFeatures(), rendered(6)
    together = network(images)
    torch.testing.assert_close(together, torch.cat([network(image[None]) for image in images]), rtol=1e-4, atol=1e-5)
    assert together.shape == (6, 64)


def test_grey_is_the_zero_vector_and_contrast_is_length():
    network, images = RandomFeatures(), rendered(2)
    assert not network(torch.zeros(1, 3, 32, 32)).any()
    torch.testing.assert_close(network(0.5 * images), 0.5 * network(images))


def test_grey_images_and_other_sizes_are_accepted():
    network, digit = RandomFeatures(), torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(network(digit), network(digit.repeat(1, 3, 1, 1)))
    assert network(rendered(1).repeat_interleave(2, -1).repeat_interleave(2, -2)).shape == (1, 64)


def test_the_random_network_separates_worse_images_from_better_ones():
    """Blur, noise, lost colour and lost variety: each is further from real images than real ones are."""
    network = RandomFeatures(dim=16)
    real, other = rendered(400), rendered(400, start=400)
    worse = {
        "blur": nn.functional.avg_pool2d(other, 5, 1, 2),
        "noise": other + 0.3 * torch.randn_like(other),
        "grey": other.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1),
        "collapse": other[:8].repeat(50, 1, 1, 1),
    }
    seen = network(real)
    floor = frechet_distance(seen, network(other))
    distances = {name: frechet_distance(seen, network(images)) for name, images in worse.items()}
    assert {name for name, distance in distances.items() if distance < 2 * floor} == set()


class Encoder(nn.Module):
    """Like an image encoder: pooled and regional features."""

    def forward(self, images):
        return ImageFeatures(images.mean((2, 3)), images.flatten(2).transpose(1, 2))


def test_a_module_for_grey_images_receives_coloured_ones_as_grey_and_vice_versa():
    coloured = torch.rand(2, 3, 8, 8)
    grey = coloured.mean(dim=1, keepdim=True)
    for channels, images, seen in ((1, coloured, grey), (3, grey, grey.expand(-1, 3, -1, -1)), (3, coloured, coloured)):
        network = ModuleFeatures(module=nn.Flatten(), name="own", channels=channels)
        torch.testing.assert_close(network(images), seen.flatten(1))


class CheckpointContents(nn.Module):
    """Keeps what it was given."""

    def forward(self, images):
        self.seen = images
        return images


def test_any_module_may_see_vectors_grids_or_an_encoder_s_features():
    images = torch.rand(2, 3, 8, 8)
    for module in (Encoder(), nn.Identity(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())):
        features = ModuleFeatures(module=module, name="own")(images)
        torch.testing.assert_close(features, images.mean((2, 3)))


def test_a_module_is_given_the_size_and_range_that_it_wants():
    recorder = CheckpointContents()
    network = ModuleFeatures(module=recorder, name="own", input_size=4, pixel_range="[0, 1]")
    network(torch.full((1, 3, 8, 8), -1.0))
    assert recorder.seen.shape == (1, 3, 4, 4)
    assert not recorder.seen.any()
    assert (network.resize, network.pixel_range) == ("bilinear, antialiased, to 4 px", "[0, 1]")
    with pytest.raises(ValueError, match=r"features\.pixel_range='bytes'"):
        ModuleFeatures(module=nn.Identity(), name="own", pixel_range="bytes")


def test_nothing_of_a_feature_network_learns():
    assert not any(p.requires_grad for p in RandomFeatures().parameters())
    assert not any(p.requires_grad for p in ModuleFeatures(module=nn.Linear(2, 2), name="own").parameters())


def test_the_inception_network_names_the_missing_weights_file(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match=r"needs the file .*inception-2015-12-05-6726825d\.pth, which does not exist"):
        InceptionFeatures()


def test_a_file_of_other_weights_is_not_taken_for_inception_s(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"weights\.pth is not .*: its SHA-256 begins with"):
        InceptionFeatures(weights=str(file))


def test_inception_sees_bytes_as_torch_fidelity_does(tmp_path, monkeypatch):
    """With random weights in the place of the trained ones."""
    extractor = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    monkeypatch.setattr(extractor, "load_state_dict", lambda self, state: None)
    file = tmp_path / "weights.pth"
    torch.save({}, file)
    monkeypatch.setattr(inception, "SHA256_BEGINS", hashlib.sha256(file.read_bytes()).hexdigest()[:8])
    network = InceptionFeatures(weights=str(file))
    pixels = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8)
    images = pixels.float() / 127.5 - 1
    torch.testing.assert_close(network(images), network.network(pixels)[0])
    assert network(images).shape == (1, 2048)
    assert network.class_logits(images).shape == (1, 1008)
