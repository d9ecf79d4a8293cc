"""Every file under conf/ composes, begins with a description, and takes part in a training step."""

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tiny_transformers import KINDS

from diptych.config import UserError
from diptych.config.composition import compose
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
EMBEDDING = ["model=embedding", "data=scenes_demo"]
FLOW = ["model=flow", "data=scenes_demo", "text_encoder=gru"]
SMALL = ["data.batch_size=4", "data.val_size=8", "data.test_size=8"]
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
    "experiment": [],
}
BORROWED = "+parts.captioner={run: a-captioner, task: captioning}"
BORROWED_EMBEDDING = "+parts.embedding={run: an-embedding, task: embedding}"
LENDERS = {"captioning": CAPTIONER, "embedding": [*EMBEDDING, "embedding_objective=word_regions"]}
PRETRAINING = ["text_pretraining.pretraining_images=4", "text_pretraining.whitening_images=4"]
ONE_STEP = ["+denoiser.num_levels=2", "~prediction@loss_prediction"]
SPECIAL = {  # overrides of single files on a machine without internet, GPU or data
    "image_encoder/resnet18": ["image_encoder.weights=null", "image_encoder.train_from=stem"],
    "image_encoder/resnet50": ["image_encoder.weights=null", "image_encoder.train_from=stem"],
    "image_encoder/resnet101": ["image_encoder.weights=null", "image_encoder.train_from=stem"],
    "image_encoder/vgg16": ["image_encoder.weights=null", "image_encoder.train_from=block1"],
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
    """The configuration, with a placeholder if a recipe leaves its captioner open."""
    try:
        return compose(overrides)
    except UserError as error:
        if "parts.captioner.run has no value" not in str(error):
            raise
        return compose([*overrides, "parts.captioner.run=a-captioner"])


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
    extra = ["data.root=there"] if option == "data=folder" else []
    check(composed([*command(option), *extra]))


@pytest.mark.parametrize("option", list(options()))
def test_every_file_takes_part_in_a_training_step(option, lender, tmp_path, monkeypatch):
    if option == "trainer=gpu" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    monkeypatch.chdir(tmp_path)
    data = PREPARED[option](tmp_path) if option in PREPARED else SMALL
    debug = [] if option.startswith("debug=") else ["debug=one_step"]
    config = composed([*command(option), *debug, *data, "budget_images=4"])
    for part in config["parts"].values():
        part["run"] = str(lender(config["data"], part["task"]).path)
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


def _mnist(folder: Path) -> list[str]:
    """Write idx files like MNIST's, with 60 pictures each."""
    for part in ("train", "t10k"):
        pixels, labels = bytes(60 * 28 * 28), bytes(i % 10 for i in range(60))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, 60, 28, 28) + pixels)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 60) + labels)
    return [f"data.root={folder}", "data.download=false", *SMALL]


def _folder(folder: Path) -> list[str]:
    """Write pictures with metadata.jsonl; a hash of their names splits them."""
    lines = []
    for i in range(60):
        Image.new("RGB", (40, 32), (i * 4, 0, 255 - i * 4)).save(folder / f"{i}.png")
        lines.append(json.dumps({"file_name": f"{i}.png", "text": f"picture number {i % 7}"}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return [
        f"data.root={folder}",
        "data.image_size=32",
        "data.val_share=0.2",
        "data.num_workers=0",
        "data.batch_size=4",
    ]


def _pretrained(folder: Path, name: str) -> list[str]:
    """Save a tiny network for the text encoder."""
    return [f"text_encoder.pretrained={KINDS[name](folder / 'network')}", *SMALL]


PREPARED = {"data=mnist": _mnist, "data=folder": _folder}
PREPARED |= {
    option: _mnist for option in options() if option.startswith(("experiment=mnist/", "experiment=results/mnist/"))
}
PREPARED |= {f"text_encoder={name}": partial(_pretrained, name=name) for name in KINDS}
