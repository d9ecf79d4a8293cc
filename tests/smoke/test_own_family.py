"""A GAN term and a generator family of one's own, from a package outside the repository, without editing a file."""

import json
import shutil
from pathlib import Path
from typing import Any

import documented
import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs, find_run
from diptych.runs.folder.layout import RunFolder
from diptych.runs.images.record import read_record
from diptych.tracking import read_metrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding_a_model.md"
FRAMED = '''
import torch
from diptych.models.borrowed import Borrowed
from mypackage import MyFlow


class Framed(MyFlow):
    """A family that draws a frame around what another run generates or captions: it needs that run to generate."""

    def __init__(self, *, base, data_spec, predictor, optimizer, text_encoder=None, seed=0) -> None:
        super().__init__(
            data_spec=data_spec, predictor=predictor, optimizer=optimizer, text_encoder=text_encoder, seed=seed
        )
        self.base = Borrowed(base)

    def sample(self, networks, text, rngs, options):
        base, images = self.base.network, rngs.randn(*networks["predictor"].shape).clamp(-1, 1)
        if hasattr(base, "generate"):
            images = base.generate(["a small red circle"] if base.text_encoder else None, num_images=len(rngs))
        else:
            assert len(base.caption(images)) == len(rngs)
        images[..., 0] = 1.0
        return images
'''
ASKING = '''

class Telling(nn.Module):
    """A network that another one must know."""

    publishes = {"depth": "depth"}
    depth = 2


class Asking(Predictor):
    """A predictor that asks for what stands after it."""

    def __init__(self, *, image_size: int, image_channels: int, depth: int, other: Telling) -> None:
        super().__init__(image_size=image_size, image_channels=image_channels)
        assert other.depth == depth == 2
'''
SMALL = ["tracking=csv", "data.batch_size=16", "validate_every_images=160", "data.val_size=16"]
TERM = ["model=mlp_gan", "data=digits", "term=steepness", "terms.steepness.weight=2", *SMALL]
FLOW = ["model=my_flow", "data=scenes_small", *SMALL]
PARTS = "system.micro_batch_size=5"
TRUST = ["--trust", "mypackage", "--trust", "framed"]


@pytest.fixture
def here(tmp_path):
    documented.write_files(PAGE, tmp_path)
    (tmp_path / "framed.py").write_text(FRAMED)
    (tmp_path / "my_conf" / "system" / "framed.yaml").write_text("# Framed\n_target_: framed.Framed\n")
    yield tmp_path
    processes.kill_all()


def diptych(folder: Path, *words: str, timeout: float = 120) -> None:
    assert processes.finish(list(words), folder, timeout=timeout) == 0, processes.said(folder)


def train(folder: Path, *overrides: str, timeout: float = 120) -> RunFolder:
    before = {run.run_id for run in all_runs(folder / "outputs")}
    diptych(folder, "train", "--config-dir", "my_conf", *overrides, timeout=timeout)
    (run,) = [run for run in all_runs(folder / "outputs") if run.run_id not in before]
    return run


def state(run: RunFolder) -> dict[str, torch.Tensor]:
    return torch.load(run.last, weights_only=True)["state_dict"]


def resumed_like(folder: Path, whole: RunFolder, *overrides: str) -> bool:
    """Whether a run that ended early and was resumed has the weights of one that never stopped."""
    half = train(folder, *overrides, "budget_images=160")
    diptych(folder, "resume", half.run_id, "budget_images=320", *TRUST)
    return all(torch.equal(tensor, state(whole)[name]) for name, tensor in state(half).items())


def measured(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Every figure of the latest run's evaluations, by the evaluation's kind and its own key."""
    files = find_run("latest", folder / "outputs").evaluations.glob("*.json")
    results = [json.loads(file.read_text()) for file in files]
    return {(result["kind"], figure["key"]): figure for result in results for figure in result["figures"]}


@pytest.mark.parametrize("command", [c for c in documented.commands(PAGE) if c.startswith("diptych train")])
def test_every_training_of_the_page_takes_a_step(here, command):
    words = [word for word in command.split()[1:] if not word.startswith("budget_images=")]
    assert processes.finish([*words, "debug=one_step", "data.val_size=20"], here) == 0, processes.said(here)


def test_a_term_with_gradients_of_images_is_composed_trained_and_resumed(here):
    run = train(here, *TERM, "budget_images=320")
    assert any(row.get("train/steepness_loss", 0) > 0 for row in read_metrics(run.metrics))
    assert resumed_like(here, run, *TERM)
    diptych(here, "evaluate", "latest", "--num", "16", *TRUST)
    assert measured(here)["generation", "energy_distance"]["value"] is not None
    diptych(here, "generate", "latest", "-n", "2", "--out", "pictures", *TRUST)
    assert len(list((here / "pictures").glob("*.png"))) == 2


def test_a_term_is_refused_beside_batch_normalisation_before_data_are_loaded(here):
    words = ["train", "--config-dir", "my_conf", "model=dcgan", "data=folder", "data.root=nowhere", "term=steepness"]
    assert processes.finish(words, here) == 2
    said = processes.said(here)
    assert (
        "terms.steepness penalises the discriminator image by image, and DCGANDiscriminator has batch normalisation"
        in said
    )
    assert "~terms.steepness" in said


def test_a_text_encoder_with_its_own_tokenizer_is_trained_resumed_and_generated_from(here):
    words = ["model=mlp_gan", "data=digits", "text_encoder=bytes", *SMALL]
    run = train(here, *words, "budget_images=320")
    assert any("text_encoder.vectors" in name for name in state(run))
    assert resumed_like(here, run, *words)
    sentence = "a zebra in the snow, which no digit is, and many more words than any caption of a digit ever had"
    diptych(here, "generate", "latest", sentence, "-n", "2", "--out", "pictures", *TRUST)
    record = read_record(sorted((here / "pictures").glob("*.png"))[0])
    assert record is not None
    assert record["sentence"] == sentence
    diptych(here, "evaluate", "latest", "--num", "16", *TRUST)
    assert measured(here)["generation", "energy_distance"]["value"] is not None


def test_a_caption_objective_with_a_helper_is_trained_resumed_and_evaluated(here):
    words = ["model=cnn_rnn", "data=scenes_small", "caption_objective=with_length", *SMALL]
    run = train(here, *words, "budget_images=320")
    assert any(name.endswith("guess.weight") for name in state(run))
    assert resumed_like(here, run, *words)
    diptych(here, "evaluate", "latest", "--num", "16", *TRUST)
    assert measured(here)["captioning", "exact_match"]["n"] == 16


def test_a_family_is_trained_resumed_evaluated_and_generated_from(here):
    run = train(here, *FLOW, "text_encoder=gru", "budget_images=320")
    assert run.task == "text_to_image"
    assert resumed_like(here, run, *FLOW, "text_encoder=gru")
    diptych(here, "generate", "latest", "a small red circle", "steps=2", "-n", "2", "--out", "pictures", *TRUST)
    record = read_record(sorted((here / "pictures").glob("*.png"))[1])
    assert record is not None
    assert (record["index"], record["options"]) == (1, {"steps": 2})
    assert processes.finish(["generate", "latest", "a small red circle", "seed=2", *TRUST], here) == 2
    assert "the command line has --seed" in processes.said(here)
    assert processes.finish(["generate", "latest", "a small red circle", "step=2", *TRUST], here) == 2
    assert "did you mean steps=" in processes.said(here)
    own = ["--benchmark", "mypackage.Brightness"]
    diptych(here, "evaluate", "latest", "--num", "16", "--num-prompts", "2", *own, *TRUST)
    figures = measured(here)
    assert figures["generation", "scene_accuracy"]["n"] == 16
    assert -1 <= figures["brightness", "brightness"]["value"] <= 1


def test_a_family_learns_in_micro_batches_and_is_resumed(here):
    words = [*FLOW, "text_encoder=gru", PARTS]
    run = train(here, *words, "budget_images=320")
    assert resumed_like(here, run, *words)
    whole = state(train(here, *FLOW, "text_encoder=gru", "budget_images=320"))
    for name, tensor in state(run).items():
        assert torch.allclose(tensor, whole[name], rtol=1e-2, atol=1e-3), name


@pytest.mark.slow
def test_a_family_learns_what_sentences_say(here):
    words = ["model=my_flow", "data=scenes_small", "text_encoder=gru", "tracking=csv", "trainer.threads=1"]
    train(here, *words, "budget_images=40_000", timeout=900)
    diptych(here, "evaluate", "latest", "--num", "500", "--no-skills", *TRUST, timeout=600)
    figures = measured(here)
    for key in ("right_colour", "right_size"):
        figure = figures["generation", key]
        assert figure["interval"][0] > figure["chance"], (key, figure)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("        self.count_images(len(batch))\n", "", "MyFlow.training_step counted no images"),
        (
            "        self.average_weights(len(batch))\n",
            "        return noise.mean()\n",
            "MyFlow.training_step returned its loss",
        ),
        (
            "self.losses, of=(batch, noise, times)))",
            "self.losses(batch, noise, times)))",
            "system.micro_batch_size=5: MyFlow.training_step computes its whole batch at once",
        ),
        ("        self.keep_averages()\n", "", "then call self.keep_averages()"),
        ('("predictor", "text_encoder")', '("predicter", "text_encoder")', "averaged names predicter"),
        ("return images.clamp(-1, 1)", "return images.flatten(1)", "MyFlow.sample gave (16, 3072)"),
    ],
)
def test_a_family_that_forgets_something_is_told_what(here, old, new, says):
    code = (here / "mypackage.py").read_text()
    assert code.count(old) == 1
    (here / "mypackage.py").write_text(code.replace(old, new))
    words = ["train", "--config-dir", "my_conf", *FLOW, "text_encoder=gru", "budget_images=64", PARTS]
    assert processes.finish(words, here) != 0
    assert says in processes.said(here)


def test_networks_of_ones_own_may_ask_for_one_another_in_any_order(here):
    (here / "mypackage.py").write_text((here / "mypackage.py").read_text() + ASKING)
    own = ["networks.predictor._target_=mypackage.Asking", "+networks.other._target_=mypackage.Telling"]
    run = train(here, *FLOW, *own, "budget_images=64")
    assert any(name.startswith("predictor.") for name in state(run))


@pytest.mark.parametrize(
    "lent",
    [
        [*FLOW, "text_encoder=gru"],
        ["model=mlp_gan", "data=scenes_small", "text_encoder=bytes", *SMALL],
        ["model=mlp_gan", "data=scenes_small", "term=steepness", *SMALL],
        ["model=cnn_rnn", "data=scenes_small", "caption_objective=with_length", *SMALL],
    ],
    ids=["a family", "a text encoder", "a term", "a caption objective"],
)
def test_a_part_that_generation_needs_is_restored_from_the_checkpoint_alone(here, lent):
    base = train(here, *lent, "budget_images=64")
    part = f"+parts.base={{run: {base.run_id}, task: {base.task}, scope: generation}}"
    run = train(here, *FLOW, "text_encoder=gru", "system=framed", part, "budget_images=64")
    shutil.rmtree(base.path)
    shutil.rmtree(run.parts)
    moved = here / "elsewhere" / "outputs" / "a" / run.run_id
    shutil.move(run.path, moved)
    diptych(here, "generate", str(moved), "a small red circle", "-n", "1", "--out", "pictures", *TRUST)
    assert list((here / "pictures").glob("*.png"))
