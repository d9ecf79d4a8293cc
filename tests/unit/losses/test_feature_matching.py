import torch

from diptych.losses.feature_matching import feature_matching_loss


def test_the_loss_is_the_mean_squared_difference_of_each_layer_summed_over_layers():
    fake = [torch.tensor([1.0, 2.0]), torch.zeros(2, 2, 2)]
    real = [torch.tensor([3.0, 2.0]), torch.full((2, 2, 2), 0.5)]
    torch.testing.assert_close(feature_matching_loss(fake, real), torch.tensor((4 + 0) / 2 + 0.25))
