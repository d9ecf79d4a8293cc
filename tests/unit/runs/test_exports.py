import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from untrained import untrained_run

from diptych.cli.main import main
from diptych.config import UserError
from diptych.evaluation.results import Evaluation, Figure, save
from diptych.reports.export.card import CardFacts, model_card
from diptych.runs.bundle.export import export_weights
from diptych.runs.load import load, load_captioner
from diptych.systems.gan.system import GAN
from diptych.systems.inference.exportable import use_of

pytest.importorskip("safetensors", reason="exports need the extra `export`")

SENTENCES = ["a red circle above a blue square", "two green triangles"]
GENERATORS = {
    "a GAN of sentences": ("small_text_gan",),
    "a GAN without": ("small_gan",),
    "a GAN with styles": ("small_stylegan2",),
    "a generator in stages": ("small_attngan",),
    "a VAE": ("small_vae",),
    "a flow": ("small_flow",),
    "diffusion": ("small_flow", "process=cosine", "prediction=velocity", "times=uniform"),
    "a mean flow": ("small_mean_flow",),
}
BORROWERS = {
    "a prior": ("small_vqvae", "small_prior"),
    "a masked prior": ("small_vqvae", "small_masked_prior"),
    "a latent flow": ("small_kl_autoencoder", "small_latent_flow"),
}
WIDE = ("~caption_decoder.embedding_dim", "~caption_decoder.hidden_dim", "~caption_decoder.attention_dim")
DECODERS = {
    "lstm": WIDE[2:],
    "lstm_attention": (),
    "top_down": (),
    "transformer": WIDE,
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def gan(outputs):
    return load(untrained_run(outputs, "small_text_gan", "name=gan").path)


@pytest.fixture
def exported(gan, tmp_path) -> Path:
    export_weights(gan, tmp_path / "export", "the card\n")
    return tmp_path / "export"


def images_of(run, export) -> tuple[torch.Tensor, torch.Tensor]:
    """What both generate of the same sentences and noise."""
    said = run.system.sample_sentences[:2] if run.takes_sentences else []
    ours, theirs = (handle.sample(said, num_images=3, seed=7) for handle in (run, export))
    return ours, theirs


def captions_of(run, folder: Path, **options) -> tuple[list, list]:
    """What both say of the same pictures: words, and how likely they are."""
    pictures = list(torch.rand(3, 3, 32, 32) * 2 - 1)
    ours, theirs = (handle.caption(pictures, **options) for handle in (run, load_captioner(folder)))
    return [(c.text, c.log_prob, c.probabilities) for c in ours], [
        (c.text, c.log_prob, c.probabilities) for c in theirs
    ]


@pytest.mark.parametrize("kind", GENERATORS)
def test_an_export_generates_bit_for_bit_what_its_run_generates(kind, outputs, tmp_path):
    model, *overrides = GENERATORS[kind]
    folder = untrained_run(outputs, model, f"name={kind.replace(' ', '_')}", *overrides)
    run, out = load(folder.path), tmp_path / "export"
    export_weights(run, out, "the card\n")
    export = load(out)
    ours, theirs = images_of(run, export)
    assert torch.equal(ours, theirs)
    assert (export.digest, export.sampling) == (run.digest, run.sampling)
    assert (out / "model.safetensors").stat().st_size < run.checkpoint.stat().st_size


@pytest.mark.parametrize("kind", BORROWERS)
def test_an_export_holds_the_autoencoder_that_its_run_borrowed(kind, outputs, tmp_path):
    lender, borrower = BORROWERS[kind]
    autoencoder = untrained_run(outputs, lender, f"name=lender_of_{borrower}")
    folder = untrained_run(outputs, borrower, f"name={borrower}", parts={"autoencoder": autoencoder})
    run, out = load(folder.path), tmp_path / "export"
    export_weights(run, out, "the card\n")
    export = load(out)
    ours, theirs = images_of(run, export)
    assert torch.equal(ours, theirs)
    assert (export.digest, export.sampling) == (run.digest, run.sampling)
    assert (out / "model.safetensors").stat().st_size < run.checkpoint.stat().st_size


@pytest.mark.parametrize("decoder", DECODERS)
def test_an_export_captions_bit_for_bit_as_its_run(decoder, outputs, tmp_path):
    chosen = (f"name={decoder}", f"caption_decoder={decoder}", *DECODERS[decoder])
    folder = untrained_run(outputs, "small_captioner", *chosen)
    run, out = load(folder.path), tmp_path / "export"
    export_weights(run, out, "the card\n")
    ours, theirs = captions_of(run, out)
    assert ours == theirs


def test_a_variational_captioner_draws_the_same_captions(outputs, tmp_path):
    folder = untrained_run(outputs, "small_caption_vae", "name=caption_vae")
    run, out = load(folder.path), tmp_path / "export"
    export_weights(run, out, "the card\n")
    ours, theirs = captions_of(run, out, temperature=1.0, seed=3)
    assert ours == theirs


def test_an_export_is_guided_from_the_same_mean_without_the_training_sentences(gan, exported):
    assert torch.equal(gan.sample(SENTENCES, guidance_scale=2.0), load(exported).sample(SENTENCES, guidance_scale=2.0))
    assert gan.system.reference_sentences
    assert all(said not in (exported / "diptych.json").read_text() for said in gan.system.reference_sentences)


def test_an_export_holds_nothing_of_training(gan, exported):
    from safetensors import safe_open

    with safe_open(exported / "model.safetensors", "pt") as file:
        roles = {name.partition(".")[0] for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    assert roles == {"generator", "text_encoder", "kept_mean"}
    averaged = gan.system.generator_average.network.state_dict()
    assert all(
        torch.equal(value, averaged[name]) for name, value in load(exported).system.generator.state_dict().items()
    )


def test_other_averages_than_the_exported_one_are_refused(outputs, tmp_path):
    run = load(untrained_run(outputs, "small_flow", "name=averages").path)
    export_weights(run, tmp_path / "export", "the card\n")
    for length in (0, 0.1):
        with pytest.raises(ValueError, match=f"ema={length}: an export holds one average"):
            load(tmp_path / "export").generate(SENTENCES[:1], ema=length)


def test_loading_an_export_imports_nothing_of_training(exported):
    code = (
        "import sys, diptych\n"
        "handle = diptych.load(sys.argv[1])\n"
        "handle.generate(['a red circle'])\n"
        "print(sorted({'pytorch_lightning', 'lightning', 'hydra', 'omegaconf', 'wandb', 'matplotlib', 'torchmetrics',"
        " 'torch.distributed.tensor'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(exported)], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_an_export_of_the_same_run_is_replaced_and_other_files_in_it_stay(gan, exported):
    (exported / "LICENSE").write_text("mine")
    export_weights(gan, exported, "another card\n")
    assert (exported / "README.md").read_text() == "another card\n"
    assert (exported / "LICENSE").read_text() == "mine"
    assert {path.name for path in exported.parent.iterdir()} == {"export"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "diptych.json").unlink(), "exists and is no export"),
        (lambda folder: (folder / "README.md").write_text("my own card"), "README.md was edited"),
        (lambda folder: _edit(folder, lambda d: d["run"].update(run_id="other")), "is an export of run other"),
    ],
)
def test_a_folder_with_something_else_is_refused(change, message, gan, exported):
    change(exported)
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    with pytest.raises(UserError, match=message):
        export_weights(gan, exported, "the card\n")
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before


def test_an_export_that_says_something_else_is_not_written(gan, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "diptych.systems.gan.sampling.LatentSampler.sample", lambda self, *args: torch.rand(4, 3, 32, 32)
    )
    with pytest.raises(UserError, match="generates other images than the run"):
        export_weights(gan, tmp_path / "export", "the card\n")
    assert not list(tmp_path.iterdir())


def _edit(folder: Path, change) -> None:
    description = json.loads((folder / "diptych.json").read_text())
    change(description)
    (folder / "diptych.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format=99), "has format 99"),
        (lambda d: d.pop("format"), "is no description of an export"),
        (lambda d: d["weights"].update(sha256="0"), "model.safetensors is damaged"),
        (
            lambda d: d["system"]["networks"]["generator"].update(_target_="os.system"),
            "names classes of os.*--trust os",
        ),
        (lambda d: d["system"]["networks"]["generator"].update(_target_="torch.hub.load"), "names classes of torch"),
        (lambda d: d["system"].update(_target_="diptych.runs.load.load"), "is not a class"),
    ],
)
def test_a_description_that_cannot_be_trusted_is_refused(change, message, exported):
    _edit(exported, change)
    with pytest.raises(UserError, match=message):
        load(exported)


def test_an_export_has_no_checkpoints(exported):
    with pytest.raises(UserError, match="is an export, which has no checkpoint last"):
        load(exported, checkpoint="last")


class OwnSample(GAN):
    def sample(self, networks, text, rngs, options):
        return -super().sample(networks, text, rngs, options)


def test_a_family_that_samples_in_its_own_way_is_not_exported_as_another():
    with pytest.raises(ValueError, match=r"OwnSample.sample is its own, and LatentSampler does not know it"):
        use_of(OwnSample)


def test_a_model_card_says_what_its_owner_says_and_no_figure_that_nobody_measured(gan):
    card = model_card(gan, [], CardFacts(license="cc-by-4.0", data_license="cc0", intended_use="Schools."))
    assert card.startswith("---\nlibrary_name: diptych\nlicense: cc-by-4.0\npipeline_tag: text-to-image\n---\n")
    assert "License: cc0." in card
    assert "## Intended use\n\nSchools." in card
    assert "None were measured" in card
    assert "| figure |" not in card
    assert 'model.generate(["a sentence"], seed=0)' in card


def test_the_command_says_what_it_wrote_and_how_it_compares(gan, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("diptych.reports.export.comparison.seconds_to_load", lambda path, loading, trust: 2.0)
    figure = Figure.rate("scene_accuracy", [True] * 30 + [False] * 10)
    facts = {"data": "scenes_demo", "split": "test", "num": 40, "seed": 0}
    for images_seen, title in ((gan.images_seen, "Of these weights"), (99, "Of other weights")):
        protocol = {**facts, "checkpoint": "best", "images_seen": images_seen}
        save(Evaluation("generator", title, protocol, [figure]), gan.run.evaluations, f"best-{images_seen}")
    out = tmp_path / "export"
    assert main(["export", str(gan.run.path), "--out", str(out), "--license", "cc0", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["export"] == str(out)
    assert said["export_bytes"] == sum(path.stat().st_size for path in out.iterdir())
    assert said["export_load_seconds"] == 2.0
    card = (out / "README.md").read_text()
    assert "| scene accuracy | 75.0" in card
    assert "Of these weights" in card
    assert "Of other weights" not in card
    (measured,) = json.loads((out / "diptych.json").read_text())["figures"]
    assert measured["figures"][0]["value"] == 0.75
    assert "hits" not in measured["figures"][0]
    assert str(tmp_path) not in (out / "diptych.json").read_text() + card


def test_evaluating_an_export_asks_for_its_run(exported, capsys):
    assert main(["evaluate", str(exported)]) == 2
    assert "an export does not know where its data are" in capsys.readouterr().err
