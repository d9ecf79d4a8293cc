"""PSNR and SSIM in closed form; LPIPS where its weights are, or random ones in their place."""

import math

import pytest
import torch
import torchvision

from diptych.metrics.pictures import pairs
from diptych.metrics.pictures.pairs import lpips, lpips_missing, psnr, ssim


def test_psnr_is_the_logarithm_of_the_squared_error_of_each_picture():
    pictures = torch.zeros(3, 3, 16, 16)
    others = torch.stack([torch.full((3, 16, 16), error) for error in (0.1, 0.2, 1.0)])
    expected = [10 * math.log10(4 / error**2) for error in (0.1, 0.2, 1.0)]
    assert psnr(pictures, others).tolist() == pytest.approx(expected, rel=1e-5)
    assert psnr(pictures, pictures).isinf().all()


def test_ssim_of_flat_pictures_is_that_of_their_brightness():
    dark, bright = 0.25, 0.75
    pictures, others = (torch.full((2, 1, 24, 24), 2 * level - 1) for level in (dark, bright))
    constant = 0.01**2
    expected = (2 * dark * bright + constant) / (dark**2 + bright**2 + constant)
    assert ssim(pictures, others).tolist() == pytest.approx([expected] * 2, rel=1e-4)
    assert ssim(others, others).tolist() == pytest.approx([1, 1])


def test_ssim_falls_with_noise_picture_by_picture():
    picture = torch.rand(3, 32, 32) * 2 - 1
    noisy = torch.stack([picture + strength * torch.randn(3, 32, 32) for strength in (0.0, 0.1, 0.5)])
    first, second, third = ssim(noisy, picture.expand(3, -1, -1, -1)).tolist()
    assert first == pytest.approx(1)
    assert first > second > third


def test_lpips_says_which_file_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert "alexnet-owt-7be5be79.pth" in lpips_missing()
    with pytest.raises(ValueError, match=r"LPIPS needs the weights https://.*alexnet-owt"):
        lpips(torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64))
    assert "alex, vgg, squeeze, not 'resnet'" in lpips_missing("resnet")


def test_lpips_of_equal_pictures_is_zero_and_of_others_is_not(tmp_path, monkeypatch):
    """With random weights where the trained ones would lie: the way to them is what is tested."""
    file = tmp_path / "checkpoints" / pairs.BACKBONES["squeeze"].url.rpartition("/")[2]
    file.parent.mkdir()
    network = torchvision.models.squeezenet1_1(weights=None)
    torch.save(network.state_dict(), file)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *args, **kwargs: torch.load(file))
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: torch.load(file))
    pictures = torch.rand(2, 1, 64, 64) * 2 - 1
    assert lpips(pictures, pictures, backbone="squeeze").tolist() == pytest.approx([0, 0], abs=1e-6)
    assert (lpips(pictures, -pictures, backbone="squeeze") > 0).all()
