"""An epoch of a generator and of a captioner on small files of every data set."""

import pytest
from small_data import SMALL, SMALL_DATA, small_data

from diptych.config.composition import compose, options
from diptych.runs.build import build_data
from diptych.runs.folder.status import DONE
from diptych.runs.training import train

WITHOUT_FILES = ("digits", "scenes", "scenes64", "scenes_demo", "scenes_small")
MODELS = {
    "generator": ["model=dcgan", "text_encoder=gru", "generator.width=4", "discriminator.width=4"],
    "captioner": ["model=cnn_rnn", "caption_decoder.hidden_dim=8"],
}


def test_every_data_set_is_tried():
    assert {*SMALL_DATA, *WITHOUT_FILES} == set(options("data"))


@pytest.mark.parametrize("name", [*SMALL_DATA, "digits"])
@pytest.mark.parametrize("model", MODELS)
def test_a_generator_and_a_captioner_train_for_an_epoch(name, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = tmp_path / "files"
    files.mkdir()
    overrides = small_data(files, name) if name in SMALL_DATA else [*SMALL, "data.train_size=24"]
    chosen = [f"data={name}", *overrides, *MODELS[model], "data.batch_size=4", "tracking=none"]
    epoch = examples_of(chosen)
    folder, _ = train(compose([*chosen, f"budget_images={epoch}", "callbacks.samples.every_images=1_000_000"]))
    assert folder.read_status().status == DONE
    assert folder.read_status().images_seen >= epoch


def examples_of(overrides: list[str]) -> int:
    """How many pictures train; one picture is enough to train on."""
    data = build_data(compose(overrides))
    data.setup()
    size = data.splits["train"].size
    assert size
    return size
