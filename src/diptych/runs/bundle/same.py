"""Whether an export says what its run says, bit for bit."""

from collections.abc import Sequence
from typing import Any

import torch

from diptych.config.errors import UserError
from diptych.runs.capabilities import CaptionsImages, GeneratesImages

NUMBER = 2


def check_same(run: Any, export: Any, sentences: Sequence[str]) -> None:
    """Refuse an export that generates other images of these sentences, or captions pictures of noise in another way."""
    family = type(run.system).__name__
    if isinstance(run, GeneratesImages) and not _generates_same(run, export, sentences):
        raise UserError(f"the export of this {family} generates other images than the run: it was not written")
    if isinstance(run, CaptionsImages) and not _captions_same(run, export):
        raise UserError(f"the export of this {family} gives other captions than the run: it was not written")


def _generates_same(run: Any, export: Any, sentences: Sequence[str]) -> bool:
    said = (tuple(sentences) or ("",))[:NUMBER] if run.takes_sentences else ()
    ours, theirs = (handle.sample(said, num_images=NUMBER, seed=1) for handle in (run, export))
    return torch.equal(ours, theirs)


def _captions_same(run: Any, export: Any) -> bool:
    spec, rng = run.data_spec, torch.Generator().manual_seed(1)
    noise = torch.rand(NUMBER, spec.image_channels, spec.image_size, spec.image_size, generator=rng) * 2 - 1
    ours, theirs = (
        [(caption.text, caption.log_prob) for caption in handle.captions(list(noise))] for handle in (run, export)
    )
    return ours == theirs
