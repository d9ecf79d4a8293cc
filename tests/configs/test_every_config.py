"""Every file under conf/ composes, begins with a description, and takes part in a training step."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from small_data import SMALL, SMALL_DATA, described_table, small_data
from tiny_transformers import KINDS

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.models.mobilenets import MobileNetV2
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE
from diptych.runs.training import check, train

CONF = Path(__file__).resolve().parents[2] / "conf"
FILES = sorted(
    path.relative_to(CONF) for path in CONF.rglob("*.yaml") if path.relative_to(CONF).parts[:2] != ("sweep", "wandb")
)
GROUPS = sorted({str(path.parent) for path in FILES if path.parent != Path(".")})

GENERATOR = ["model=dcgan", "data=scenes_demo", "text_encoder=gru"]
CAPTIONER = ["model=cnn_rnn", "data=scenes_demo"]
DENSE = ["model=autoencoder", "data=scenes_demo"]
EMBEDDING = ["model=embedding", "data=scenes_demo"]
FLOW = ["model=flow", "data=scenes_demo", "text_encoder=gru"]
AUTOENCODER = ["model=vqvae", "data=scenes_demo"]
PRIOR = ["model=prior", "data=scenes_demo", "text_encoder=gru", "parts.autoencoder.run=an-autoencoder"]
CAPTION_VAE = ["model=caption_vae", "data=scenes_demo"]
TEMPLATE = ["model=template", "data=scenes_demo", "parts.classifier.run=a-classifier"]
VAE = ["model=vae", "data=scenes_demo", "text_encoder=gru"]
COMPANY = {  # the other overrides of a run with a file of the group
    "model": ["data=scenes_demo"],
    "data": ["model=dcgan"],
    "tokenizer": CAPTIONER,
    "optimizer": CAPTIONER,
    "image_encoder": CAPTIONER,
    "caption_decoder": CAPTIONER,
    "caption_objective": CAPTIONER,
    "system/captioner": CAPTIONER,
    "trainer/fsdp": CAPTIONER,
    "embedding_objective": EMBEDDING,
    "system/embedding": EMBEDDING,
    "system/classifier": ["model=classifier", "data=scenes_demo"],
    **dict.fromkeys(
        ("denoiser", "process", "prediction", "times", "system/diffusion", "system/flow", "system/mean_flow"), FLOW
    ),
    "term/contrastive_flow": FLOW,
    "term/representation_alignment": FLOW,
    **dict.fromkeys(("encoder", "bottleneck", "decoder", "likelihood", "system/autoencoder"), AUTOENCODER),
    **dict.fromkeys(("encoder/dense", "decoder/dense"), DENSE),
    **dict.fromkeys(("prior", "system/prior", "system/masked_prior"), PRIOR),
    **dict.fromkeys(("latent_prior", "latent_encoder/conv", "system/vae"), VAE),
    **dict.fromkeys(
        ("latent_prior/standard_normal", "latent_prior/image", "latent_encoder/caption", "system/caption_vae"),
        CAPTION_VAE,
    ),
    "system/template": TEMPLATE,
    "experiment": [],
}
BORROWED = "+parts.captioner={run: a-captioner, task: captioning}"
BORROWED_EMBEDDING = "+parts.embedding={run: an-embedding, task: embedding}"
LENDERS = {
    "captioning": CAPTIONER,
    "embedding": [*EMBEDDING, "embedding_objective=word_regions"],
    "autoencoding": [*AUTOENCODER, "bottleneck.num_codes=16"],
    "classification": ["model=classifier", "data=scenes_demo"],
    "latents": ["model=kl_autoencoder", "data=scenes_demo"],
}
PRETRAINING = ["text_pretraining.pretraining_images=4", "text_pretraining.whitening_images=4"]
ONE_STEP = ["+denoiser.num_levels=2", "~prediction@loss_prediction"]
SPECIAL = {  # overrides of single files on a machine without internet, GPU or data
    "image_encoder/resnet18": ["image_encoder.weights=null", "image_encoder.train_from=stem"],
    "image_encoder/resnet50": ["image_encoder.weights=null", "image_encoder.train_from=stem"],
    "image_encoder/resnet101": ["image_encoder.weights=null", "image_encoder.train_from=stem"],
    "image_encoder/mobilenet_v1": ["image_encoder.weights=null", "image_encoder.finetune=true"],
    "image_encoder/mobilenet_v2": ["image_encoder.weights=null", "image_encoder.finetune=true"],
    "image_encoder/convnext_tiny": ["image_encoder.weights=null", "image_encoder.train_from=stem"],
    "image_encoder/timm": [
        "image_encoder.weights=null",
        "image_encoder.finetune=true",
        "image_encoder.architecture=test_efficientnet",
    ],
    "features/mobilenet_v1": ["features.module.weights=a-file"],
    "image_encoder/vgg16": ["image_encoder.weights=null", "image_encoder.train_from=block1"],
    "caption_objective/hard_attention": ["caption_decoder=lstm_hard_attention"],
    "discriminator/projected": [BORROWED],
    "latent_encoder/backbone": [
        BORROWED,
        "term=reconstruction",
    ],
    "text_encoder/gru_whitened": [BORROWED, "text_pretraining=captioner_features", *PRETRAINING],
    "text_pretraining/captioner_features": [BORROWED, "text_encoder=gru_whitened", *PRETRAINING],
    **{
        f"term/{name}": ["discriminator=mlp"]
        for name in ("gradient_penalty", "r1", "r1_lazy", "r2", "matching_gradient_penalty")
    },
    "term/path_length": ["generator=stylegan2"],
    "term/stages": ["generator=attngan", "discriminator=attngan"],
    "term/conditioning_augmentation": ["generator=attngan"],
    "augmentation/flip": ["augmentations.flip.may_break=[position]"],
    "objective/wasserstein": ["discriminator.spectral_norm=true"],
    "term/patch": [BORROWED, "discriminator=projected"],
    "term/reconstruction": [BORROWED, "latent_encoder=backbone"],
    "term/redescription": [BORROWED],
    "term/learned_redescription": ["image_encoder=cnn", "caption_decoder=lstm"],
    "term/perceptual": [BORROWED],
    "term/representation_alignment": [BORROWED],
    "term/perceptual_feature_matching": [BORROWED],
    "term/word_region_matching": [BORROWED_EMBEDDING],
    "encoder/dense": ["decoder=dense"],
    "decoder/dense": ["encoder=dense"],
    "prior/masked": ["system=masked_prior"],
    "system/masked_prior": ["prior=masked"],
    "model/layered_gan": ["schedule.decay_images=4"],
    "system/mean_flow": ["times=logit_normal_pairs", *ONE_STEP],
    "times/logit_normal_pairs": ["system=mean_flow", *ONE_STEP],
    "times/log_normal": ["process=edm"],
    "process/edm": ["times=log_normal"],
    "prediction/noise": ["process=cosine"],
    "schedule/trapezoid": ["schedule.decay_images=4"],
    "trainer/ddp": ["trainer.accelerator=cpu", "trainer.devices=1"],
    "trainer/fsdp": ["trainer.accelerator=cpu", "trainer.devices=1"],
}


def options() -> Iterator[str]:
    for path in FILES:
        group, name = str(path.parent), path.with_suffix("").name
        if (
            group == "." or path.parts[0] == "hydra"
        ):  # train.yaml is in every run, and Hydra's own node is not part of it
            continue
        if group.startswith("experiment"):
            yield f"experiment={Path(*path.with_suffix('').parts[1:])}"
        else:
            yield f"{group}={name}"


def command(option: str) -> list[str]:
    """The overrides of a run with the option."""
    group, _, name = option.partition("=")
    company = COMPANY.get(f"{group}/{name}", COMPANY.get(group, GENERATOR))
    if group == "callbacks":
        option = f"callbacks=[budget,{name}]"  # without a budget, training never ends
    return [o for o in company if not o.startswith(f"{group}=")] + [option, *SPECIAL.get(f"{group}/{name}", [])]


def composed(overrides: list[str]) -> dict[str, Any]:
    """The configuration, with placeholders for what a recipe leaves to be borrowed."""
    try:
        return compose(overrides)
    except UserError as error:
        missing = [
            part
            for part in ("captioner", "autoencoder", "classifier")
            if f"parts.{part}.run has no value" in str(error)
        ]
        if not missing:
            raise
        return composed([*overrides, *(f"parts.{part}.run=another-run" for part in missing)])


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_file_begins_with_a_description(path):
    lines = (CONF / path).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines[:2] if line.startswith("# ") and not line.startswith("# @package")]


def test_every_group_is_a_line_of_the_table_of_contents():
    contents = (CONF / "train.yaml").read_text(encoding="utf-8")
    groups = {group.partition("/")[0] for group in GROUPS}
    assert [group for group in groups if f"  - {group}: " not in contents and f"  - {group}@" not in contents] == []


@pytest.mark.parametrize("option", list(options()))
def test_every_file_composes_to_components_that_can_be_built(option):
    roots = dict.fromkeys(("data=folder", "data=imagefolder", "data=hf"), "data.root=there")
    named = {**roots, "data=webdataset": "data.shards=there"}
    extra = [named[option]] if option in named else []
    check(composed([*command(option), *extra]))


@pytest.mark.parametrize("option", list(options()))
def test_every_file_takes_part_in_a_training_step(option, lender, tmp_path, monkeypatch):
    if option == "trainer=gpu" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    monkeypatch.chdir(tmp_path)
    data = PREPARED[option](tmp_path) if option in PREPARED else SMALL
    debug = [] if option.startswith("debug=") else ["debug=one_step"]
    config = composed([*command(option), *debug, *data, "budget_images=4"])
    for name, part in config["parts"].items():
        kind = "latents" if name == "autoencoder" and not config["prior"] else part["task"]
        part["run"] = str(lender(config["data"], kind).path)
    folder, _ = train(config)
    assert folder.read_status().status == DONE
    assert folder.read_status().images_seen >= 4
    shutil.rmtree(tmp_path / "outputs")  # large networks leave large checkpoints


@pytest.fixture(scope="session")
def lender(tmp_path_factory) -> Callable[[dict[str, Any], str], RunFolder]:
    """`lender(data, task)`: a run for those that borrow one, trained once a session for each data configuration."""
    outputs = tmp_path_factory.mktemp("lenders")
    trained: dict[str, RunFolder] = {}

    def run_on(data: dict[str, Any], task: str) -> RunFolder:
        key = json.dumps([task, data], sort_keys=True)
        if key not in trained:
            config = compose([*LENDERS[task], *SMALL, "debug=one_step", f"paths.outputs={outputs}"])
            trained[key], _ = train(config | {"data": data})
        return trained[key]

    return run_on


def _pretrained(folder: Path, name: str) -> list[str]:
    """Save a tiny network for the text encoder."""
    return [f"text_encoder.pretrained={KINDS[name](folder / 'network')}", *SMALL]


def _language_model(folder: Path) -> list[str]:
    """Save a tiny GPT-2 for the caption decoder."""
    return [
        f"caption_decoder.pretrained={KINDS['gpt2'](folder / 'network')}",
        "caption_decoder.prefix_length=2",
        *SMALL,
    ]


def _photographs(folder: Path) -> list[str]:
    """Write a few pictures in Flickr8k's layout, and random weights of the frozen network that sees them."""
    torch.save(MobileNetV2(weights=None, finetune=True).state_dict(), folder / "weights.pt")
    return [*small_data(folder, "flickr8k"), f"image_encoder.weights={folder / 'weights.pt'}", "data.num_workers=0"]


def _with_timm(folder: Path) -> list[str]:
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    return SMALL


def _with_clip(folder: Path) -> list[str]:
    return [f"image_encoder.pretrained={KINDS['clip'](folder / 'network')}", *SMALL]


PREPARED: dict[str, Callable[[Path], list[str]]] = {
    f"data={name}": partial(small_data, name=name) for name in SMALL_DATA
}
PREPARED |= {
    option: partial(small_data, name="mnist")
    for option in options()
    if option.startswith(("experiment=mnist/", "experiment=results/mnist/"))
}
PREPARED |= {option: _photographs for option in options() if option.startswith("experiment=flickr8k/")}
PREPARED |= {"image_encoder=timm": _with_timm, "image_encoder=clip": _with_clip}
PREPARED |= {f"text_encoder={name}": partial(_pretrained, name=name) for name in KINDS}
PREPARED["text_encoder=columns"] = described_table
PREPARED |= dict.fromkeys(("caption_decoder=prefix", "model=clipcap"), _language_model)
