"""Golden curves: the losses of a run's first steps, committed in `tests/golden/curves`.

`python tests/support/curves.py` measures them and rewrites the files, only for changes that are meant to move numbers;
`python tests/support/curves.py MODEL` does so for one.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
FOLDER = TESTS / "golden" / "curves"
BATCH, STEPS = 16, 20
IMAGES_A_STEP = {
    "small_text_gan": BATCH,
    "small_captioner": 2 * BATCH,
    "small_layered_gan": BATCH,
    "small_dfgan": BATCH,
    "small_attngan": BATCH,
    "small_wgan_gp": BATCH,
    "small_r3gan": BATCH,
    "small_biggan": BATCH,
    "small_stylegan2": BATCH,
    "small_flow": BATCH,
    "small_mean_flow": BATCH,
    "small_kl_autoencoder": BATCH,
    "small_vqvae": BATCH,
    "small_fsq_autoencoder": BATCH,
    "small_vae": BATCH,
    "small_prior": BATCH,
    "small_masked_prior": BATCH,
    "small_latent_flow": BATCH,
}
# Adam blows gradients that are only rounding errors up to whole steps unless eps is larger than they are; dropout draws
# from libraries that not every machine has; without warm-up twenty steps are enough to learn something.
CALM_ADAM = ["+generator_optimizer.eps=1e-2", "+discriminator_optimizer.eps=1e-2"]
CHANGES = {
    "small_text_gan": CALM_ADAM,
    "small_layered_gan": CALM_ADAM,
    "small_dfgan": CALM_ADAM,
    "small_attngan": CALM_ADAM,
    "small_wgan_gp": [*CALM_ADAM, "generator_optimizer.lr=2e-3", "discriminator_optimizer.lr=2e-3"],
    "small_r3gan": [*CALM_ADAM, "generator_optimizer.lr=1e-2", "discriminator_optimizer.lr=1e-2"],
    "small_biggan": CALM_ADAM,
    "small_stylegan2": CALM_ADAM,
    "small_flow": ["+optimizer.eps=1e-2"],
    "small_mean_flow": ["+optimizer.eps=1e-2"],
    "small_kl_autoencoder": ["+optimizer.eps=1e-2"],
    "small_vqvae": ["+optimizer.eps=1e-2"],
    "small_fsq_autoencoder": ["+optimizer.eps=1e-2"],
    "small_vae": ["+optimizer.eps=1e-2"],
    "small_prior": ["+optimizer.eps=1e-2"],
    "small_masked_prior": ["+optimizer.eps=1e-2"],
    "small_latent_flow": ["+optimizer.eps=1e-2"],
    "small_captioner": [
        "caption_decoder.dropout=0.0",
        "schedule.warmup_images=0",
        "optimizer.lr=1e-2",
        "caption_objective.attention_penalty_weight=1",
    ],
}
LENDERS = {
    "small_layered_gan": ("captioner", "small_captioner"),
    "small_prior": ("autoencoder", "small_vqvae"),
    "small_masked_prior": ("autoencoder", "small_vqvae"),
    "small_latent_flow": ("autoencoder", "small_kl_autoencoder"),
}
"""What a model borrows, and of which."""
LOSSES = (
    "loss",
    "attention_penalty",
    "pretraining_loss",
    "d_loss",
    "d_patch_loss",
    "contrastive_loss",
    "gradient_penalty",
    "r1_penalty",
    "r2_penalty",
    "g_loss",
    "g_patch_loss",
    "redescription_loss",
    "reconstruction_loss",
    "kl_loss",
    "latent_loss",
    "orthogonal_loss",
    "path_length_penalty",
    "matching_gradient_penalty",
    "d_stages_loss",
    "d_alone_loss",
    "g_stages_loss",
    "g_alone_loss",
    "conditioning_loss",
    "commitment_loss",
    "code_nll",
    "latent_prior_loss",
)

Curves = dict[str, list[float]]


def measured(model: str) -> Curves:
    """Train now and return every loss of the first steps: seed 0, one thread, on the CPU."""
    import torch

    from diptych.tracking import read_metrics

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as outputs:
        lent = []
        if model in LENDERS:
            part, lender = LENDERS[model]
            lent = [f"parts.{part}.run={_trained(lender, outputs).path}"]
        rows = [
            row for row in read_metrics(_trained(model, outputs, *lent).metrics) if "train/images_per_second" in row
        ]
    assert len(rows) == STEPS
    curves = {name: [row[f"train/{name}"] for row in rows if f"train/{name}" in row] for name in LOSSES}
    return {name: values for name, values in curves.items() if values}


def _trained(model: str, outputs: str, *overrides: str) -> Any:
    """The run's folder."""
    from diptych.config.composition import compose
    from diptych.runs.training import train

    images = IMAGES_A_STEP[model]
    arguments = [
        f"model={model}",
        f"paths.outputs={outputs}",
        "trainer.threads=1",
        f"data.batch_size={BATCH}",
        f"budget_images={STEPS * images}",
        f"validate_every_images={STEPS * images}",
        f"callbacks.metrics_log.every_images={images}",
        *CHANGES[model],
        *overrides,
    ]
    folder, _ = train(compose(arguments, config_dir=TESTS / "support" / "conf"))
    return folder


def written(model: str) -> Curves:
    """The same as it was when the file was written."""
    return json.loads((FOLDER / f"{model}.json").read_text(encoding="utf-8"))


def write(model: str) -> None:
    """Replace a file by a new measurement."""
    lines = (f'  "{name}": {json.dumps(values)}' for name, values in measured(model).items())
    (FOLDER / f"{model}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    for each in sys.argv[1:] or IMAGES_A_STEP:
        write(each)
