import torch

from diptych.models.noise import PixelNoise


def test_noise_has_its_deviation_in_training_and_none_in_evaluation():
    images = torch.zeros(64, 3, 16, 16)
    noise = PixelNoise(0.3)
    torch.testing.assert_close(noise(images).std(), torch.tensor(0.3), rtol=0.02, atol=0)
    assert torch.equal(noise.eval()(images), images)


def test_varying_noise_differs_from_picture_to_picture_up_to_its_limit():
    deviations = PixelNoise(0.5, varies=True)(torch.zeros(200, 3, 16, 16)).flatten(1).std(1)
    assert deviations.min() < 0.05
    assert 0.4 < deviations.max() < 0.55


def test_no_noise_draws_nothing_from_the_random_state():
    before = torch.get_rng_state()
    PixelNoise()(torch.zeros(2, 3, 4, 4))
    assert torch.equal(before, torch.get_rng_state())
