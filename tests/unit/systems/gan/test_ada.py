"""ADA: its controller against the plain recursion, its gate, and what it refuses."""

import pytest
import torch

from diptych.losses.adversarial import LeastSquares, Relativistic, Wasserstein
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.systems.gan.augmentations.ada import ADA
from diptych.systems.gan.augmentations.colour import Brightness
from diptych.systems.gan.augmentations.geometry import Flip, Translation

MIRROR = {"flip": Flip(strength=1.0, may_break=["position"])}


def plain_recursion(batches, *, target, speed, interval, p=0.0):
    """The article's, in images: p after each batch of logits."""
    sum_of_signs = number = 0
    for logits in batches:
        sum_of_signs += sum((logit > 0) - (logit < 0) for logit in logits.tolist())
        number += len(logits)
        if number >= interval:
            mean = sum_of_signs / number
            p += (1 if mean > target else -1 if mean < target else 0) * number / speed
            p = min(max(p, 0.0), 1.0)
            sum_of_signs = number = 0
        yield p


@pytest.mark.parametrize(("shift", "initial_p"), [(1.5, 0.0), (-1.0, 0.5), (0.5, 0.3), (3.0, 0.95)])
def test_p_follows_the_plain_recursion(shift, initial_p):
    rng = torch.Generator().manual_seed(0)
    batches = [torch.randn(12, generator=rng) + shift for _ in range(60)]
    ada = ADA(operations=MIRROR, speed_images=1000, interval_images=30, initial_p=initial_p)
    expected = plain_recursion(batches, target=0.6, speed=1000, interval=30, p=initial_p)
    for logits, p in zip(batches, expected, strict=True):
        ada.observe(logits, 0.0)
        assert float(ada.p) == pytest.approx(p, abs=1e-6)


def test_p_rises_by_the_interval_over_the_speed_and_stays_in_its_range():
    ada = ADA(operations=MIRROR, speed_images=100, interval_images=20)
    heights = []
    for _ in range(7):
        ada.observe(torch.ones(20), 0.0)
        heights.append(round(float(ada.p), 6))
    assert heights == [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0]
    for _ in range(6):
        ada.observe(-torch.ones(20), 0.0)
    assert float(ada.p) == 0


def test_signs_are_counted_from_the_objectives_boundary():
    """Least squares with targets 0 and 1 is undecided at one half."""
    boundary = LeastSquares().boundary
    assert boundary == 0.5
    rising, falling = (ADA(operations=MIRROR, interval_images=4, initial_p=0.5) for _ in range(2))
    rising.observe(torch.full((4,), 0.9), boundary)
    falling.observe(torch.full((4,), 0.4), boundary)
    assert rising.p > 0.5 > falling.p


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_each_image_is_changed_with_the_probability_p(p):
    ada, images = ADA(operations=MIRROR, initial_p=p), torch.arange(8.0).expand(4000, 1, 8, 8)
    numbers = torch.rand(4000, ada.num_numbers(images.shape), generator=torch.Generator().manual_seed(0))
    seen = ada(images, numbers)
    changed = (seen != images).flatten(1).any(1)
    assert torch.equal(seen[changed], images[changed].flip(3))
    assert float(changed.float().mean()) == pytest.approx(p, abs=0.03)


def test_operations_are_decided_apart():
    operations = {"one": Brightness(strength=1.0), "other": Brightness(strength=100.0)}
    ada, images = ADA(operations=operations, initial_p=0.5), torch.zeros(4000, 1, 2, 2)
    numbers = torch.rand(4000, ada.num_numbers(images.shape), generator=torch.Generator().manual_seed(0))
    seen = ada(images, numbers)[:, 0, 0, 0].abs()
    assert float((seen == 0).float().mean()) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    "impossible", [{"speed_images": 0}, {"interval_images": 0}, {"target": 1.0}, {"initial_p": 1.1}]
)
def test_impossible_settings_are_refused(impossible):
    with pytest.raises(ValueError, match=next(iter(impossible))):
        ADA(operations=MIRROR, **impossible)


@pytest.mark.parametrize("objective", [Wasserstein(), Relativistic()])
def test_objectives_without_a_zero_are_refused(make_gan, objective):
    plain = MLPDiscriminator(image_size=28, image_channels=1, spectral_norm=True)
    with pytest.raises(ValueError, match=r"augmentations\.ada adapts to the sign .*fixes only their differences"):
        make_gan(
            conditional=False, discriminator=plain, objective=objective, augmentations={"ada": ADA(operations=MIRROR)}
        )


def test_a_gan_counts_the_signs_of_its_real_images_and_logs_p(make_gan, train, batch_of):
    shift = {"translation": Translation(strength=0.06)}
    ada = ADA(operations=shift, target=-0.99, interval_images=8, speed_images=80)
    gan = make_gan(augmentations={"ada": ada})
    rows = train(gan, [batch_of(seed) for seed in range(5)])
    assert [round(row["ada_p"], 6) for row in rows] == [0.0, 0.1, 0.1, 0.2, 0.2]
    assert int(ada.num_signs) == 4
    assert int(ada.sum_of_signs) == round((2 * rows[-1]["d_sign_fraction"] - 1) * 4)


def test_a_run_in_the_middle_of_a_cycle_goes_on_bit_for_bit(make_gan, fit, batch_of, tmp_path):
    batches = [batch_of(seed) for seed in range(6)]

    def new():
        shift = {"translation": Translation(strength=0.06), "brightness": Brightness(strength=0.2)}
        return make_gan(augmentations={"ada": ADA(operations=shift, interval_images=12, speed_images=60, target=-0.5)})

    whole, first, second = new(), new(), new()
    fit(whole, batches)
    trainer = fit(first, batches[:4])
    assert int(first.augmentations["ada"].num_signs) == 4
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    fit(second, batches[4:], ckpt_path=tmp_path / "last.ckpt", max_epochs=2)
    assert float(whole.augmentations["ada"].p) > 0
    for (name, value), other in zip(whole.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(value, other), name
