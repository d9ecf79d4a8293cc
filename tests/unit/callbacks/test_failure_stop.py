"""A failed GAN is stopped after its patience, and no other."""

from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.trainer.states import TrainerFn

from diptych.callbacks import FailureStop

ALIKE, VARIED = {"latent_diversity": 0.01, "sentence_diversity": 0.02}, {"latent_diversity": 0.9}


def validate(stop, images, figures, trained=None, sanity_checking=False):
    """Whether the run is to stop after a validation with these figures."""
    logged = {f"val/{name}": torch.tensor(value) for name, value in figures.items()}
    state = SimpleNamespace(fn=TrainerFn.FITTING)
    trainer = SimpleNamespace(callback_metrics=logged, sanity_checking=sanity_checking, state=state, should_stop=False)
    step = {f"train/{name}": torch.tensor(value) for name, value in (trained or {}).items()}
    stop.on_validation_end(trainer, SimpleNamespace(images_seen=images, step_figures=step))
    return trainer.should_stop


def test_a_collapsed_run_stops_after_its_patience():
    stop = FailureStop(patience_images=200)
    assert [validate(stop, images, ALIKE) for images in (100, 200, 300)] == [False, False, True]
    assert stop.stopped_because.startswith("stopped after 300 images, failed since 100: collapsed: all images")


def test_variety_in_between_begins_the_patience_anew():
    stop = FailureStop(patience_images=200)
    figures = [ALIKE, ALIKE, VARIED, ALIKE, ALIKE, ALIKE]
    assert [validate(stop, 100 * n, each) for n, each in enumerate(figures, 1)] == [False] * 5 + [True]


def test_without_patience_nothing_stops():
    stop = FailureStop()
    assert not any(validate(stop, images, ALIKE) for images in range(0, 10_000, 500))


def test_a_trial_validation_does_not_count():
    stop = FailureStop(patience_images=1)
    assert not validate(stop, 0, ALIKE, sanity_checking=True)
    assert stop.failed_since is None


def test_a_discriminator_that_is_always_right_counts_where_the_gap_is_bounded():
    sure, unsure = {"d_real": 0.999, "d_fake_before": 0.001}, {"d_real": 0.7, "d_fake_before": 0.3}
    bounded, free = FailureStop(patience_images=100, max_gap=0.9), FailureStop(patience_images=100)
    for stop, expected in ((bounded, [False, False, False, True]), (free, [False] * 4)):
        trained = [sure, unsure, sure, sure]
        assert [validate(stop, 100 * n, VARIED, each) for n, each in enumerate(trained)] == expected
    assert "D(x) - D(G(z)) is 0.998, above 0.9" in bounded.stopped_because


def test_a_run_that_logs_no_such_figures_has_not_failed():
    stop = FailureStop(patience_images=1, max_gap=0.5)
    assert not any(validate(stop, images, {"perplexity": 3.0}) for images in range(0, 1000, 100))


def test_a_resumed_run_remembers_when_it_failed():
    stop, resumed = FailureStop(patience_images=200), FailureStop(patience_images=200)
    validate(stop, 100, ALIKE)
    resumed.load_state_dict(stop.state_dict())
    assert validate(resumed, 300, ALIKE)


@pytest.mark.parametrize("values", [{"patience_images": 0}, {"max_gap": 0.0}, {"max_gap": 1.5}, {"max_gap": 0.9}])
def test_impossible_settings_are_refused_by_key(values):
    (name,) = values
    with pytest.raises(ValueError, match=rf"callbacks\.failure_stop\.{name}="):
        FailureStop(**values)
