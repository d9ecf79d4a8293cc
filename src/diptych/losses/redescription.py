"""How well a picture lets a captioner say again the sentence it was generated from."""

from jaxtyping import Float, Int
from torch import Tensor

from diptych.losses.captioning import caption_nll


def sentence_nll(
    logits: Float[Tensor, "batch length vocabulary"], targets: Int[Tensor, "batch length"]
) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of each sentence in nats per real token: logits[:, t] predict targets[:, t].

    The re-description loss of MirrorGAN (Qiao et al. 2019, arXiv:1903.05854) when the logits are a frozen
    captioner's, read from generated images. Padding costs nothing; a sentence of padding alone costs zero.
    """
    return caption_nll(logits.float(), targets)
