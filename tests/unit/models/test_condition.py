import torch

from diptych.models.condition import Condition


def test_a_condition_has_the_scale_of_latents_whatever_the_encoder_gives():
    torch.manual_seed(0)
    condition = Condition(16, 32)
    for scale in (1e-2, 1.0, 1e3):
        numbers = condition(scale * torch.randn(5, 16))
        torch.testing.assert_close(numbers.mean(dim=1), torch.zeros(5), atol=1e-4, rtol=0)
        torch.testing.assert_close(numbers.square().mean(dim=1), torch.ones(5), atol=1e-2, rtol=0)


def test_sentences_that_differ_little_in_scale_are_alike_and_in_direction_are_not():
    torch.manual_seed(0)
    condition, sentence = Condition(16, 32), torch.randn(1, 16)
    torch.testing.assert_close(condition(2 * sentence), condition(sentence), atol=1e-4, rtol=1e-4)
    assert (condition(sentence + 0.5 * torch.randn(1, 16)) - condition(sentence)).norm() > 1
