"""A run that starts from parts of another run, and networks that never learn."""

import pytest
import torch

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.layout import digest_of
from diptych.runs.training import check, resume, train

SMALL = (
    "data=digits",
    "data.val_size=8",
    "data.batch_size=4",
    "tracking=csv",
    "trainer.threads=1",
    "budget_images=8",
    "validate_every_images=8",
    "callbacks.progress.quiet=true",
    "image_encoder.num_halvings=2",
)
CLASSIFIER = ("model=classifier", *SMALL)
CAPTIONER = ("model=cnn_rnn", "schedule.warmup_images=0", *SMALL)


@pytest.fixture(autouse=True)
def _outputs_are_here(tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))


def weights(folder, prefix: str) -> dict[str, torch.Tensor]:
    state = read_checkpoint(folder.last)["state_dict"]
    return {name: weight for name, weight in state.items() if name.startswith(f"{prefix}.")}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_captioner_takes_and_keeps_the_image_encoder_of_a_classifier(caplog):
    caplog.set_level("INFO", "diptych")
    classifier, _ = train(compose([*CLASSIFIER, "image_encoder.pooled_dim=128"]))
    parts = [f"init_from={classifier.run_id}", "init_parts=[image_encoder]", "image_encoder.pooled_dim=128"]
    captioner, _ = train(compose([*CAPTIONER, *parts, "freeze=[image_encoder]"]))
    assert same(weights(captioner, "image_encoder"), weights(classifier, "image_encoder"))
    assert "left out: caption_decoder" in caplog.text
    before = weights(captioner, "caption_decoder")
    resume(captioner, ["budget_images=16"])
    assert same(weights(captioner, "image_encoder"), weights(classifier, "image_encoder"))
    assert not same(weights(captioner, "caption_decoder"), before)
    thawed, _ = train(compose([*CAPTIONER, *parts]))
    assert not same(weights(thawed, "image_encoder"), weights(classifier, "image_encoder"))


def test_a_flow_that_saw_pictures_alone_lends_its_denoiser_and_both_averages():
    flow = ("model=flow", "text_encoder=gru", "data.image_size=32", *SMALL[:-1], "schedule=constant")
    flow += (
        "denoiser.widths=[8,16]",
        "denoiser.attention_levels=1",
        "denoiser.head_dim=8",
        "system.validation_steps=1",
    )
    pictures, _ = train(compose([*flow, "data.captioned_share=0", "seed=1"]))
    warm = [f"init_from={pictures.run_id}", "init_parts=[denoiser]", "optimizer.lr=0"]
    learned, _ = train(compose([*flow, *warm, "data.captioned_share=0.5"]))
    assert same(weights(learned, "denoiser"), weights(pictures, "denoiser"))
    raw, copies = weights(learned, "denoiser"), weights(learned, "denoiser_average")
    named = {name: raw["denoiser." + name.split(".", 3)[3]] for name in copies}
    assert {name.split(".")[2] for name in copies} == {"0", "1"}
    assert all(torch.allclose(copies[name], weight, atol=1e-6) for name, weight in named.items())
    assert not same(weights(learned, "text_encoder"), weights(pictures, "text_encoder"))


def test_averages_go_with_their_network():
    gan = ("model=mlp_gan", *SMALL[:-1], "generator_optimizer.lr=0")
    first, _ = train(compose([*gan, "seed=1"]))
    averaged = [f"init_from={first.run_id}", "init_parts=[generator]", "system.ema_half_life_images=1e9"]
    second, _ = train(compose([*gan, *averaged]))
    one = weights(first, "generator")
    assert same(weights(second, "generator"), one)
    average = {name.replace("_average.network", ""): w for name, w in weights(second, "generator_average").items()}
    assert average.keys() == one.keys()
    assert all(torch.allclose(average[name].float(), one[name].float()) for name in one)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (
            ["init_parts=[image_encoder]", "image_encoder.pooled_dim=32"],
            r"image_encoder does not fit: .*\[.*\] there and \[.*\] h",
        ),
        (["init_parts=[encoder]"], "this run has no encoder; it has image_encoder, caption_decoder"),
        ([], r"(?s)holds other networks.*To take what fits, add init_parts=\[image_encoder\]"),
    ],
)
def test_what_does_not_fit_is_named(overrides, says):
    classifier, _ = train(compose([*CLASSIFIER, "image_encoder.pooled_dim=128"]))
    asked = ["image_encoder.pooled_dim=128", *overrides, f"init_from={classifier.run_id}"]
    with pytest.raises(UserError, match=says):
        train(compose([*CAPTIONER, *asked]))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("freeze=[decoder]", r"freeze=\[decoder\]: .*it has image_encoder, caption_decoder"),
        ("init_parts=[image_encoder]", "name the run that they come from with init_from=RUN"),
    ],
)
def test_impossible_names_are_refused_before_anything_is_loaded(override, says):
    with pytest.raises(UserError, match=says):
        check(compose([*CAPTIONER, override]))


def test_a_run_without_anything_to_learn_is_refused():
    with pytest.raises(ValueError, match=r"freeze: .* nothing left to learn"):
        train(compose([*CAPTIONER, "freeze=[image_encoder,caption_decoder]"]))


def test_runs_that_freeze_nothing_keep_their_digest():
    config = compose([*CAPTIONER])
    before = {key: value for key, value in config.items() if key not in ("freeze", "init_parts", "derived")}
    assert digest_of(config) == digest_of(before)
    assert digest_of(compose([*CAPTIONER, "freeze=[image_encoder]"])) != digest_of(before)
