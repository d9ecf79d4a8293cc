"""What every caption decoder offers; `diptych.decoding` needs the last three methods.

`forward(features, tokens) -> (logits, attention)`  logits[:, t] predict the token that follows tokens[:, t];
`encode_memory(features) -> memory`                 all that depends on the image alone, computed once;
`initial_state(memory) -> state`                    the state before <bos>; a tuple of tensors, batch first;
`step(tokens, memory, state) -> (logits, state)`    one token further.

An image may have k captions: tokens and state then have k rows per image, side by side, and the image is encoded
once. `attention` is None where a decoder does not attend to regions.
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

State = tuple[Tensor, ...]
Step = tuple[Float[Tensor, "rows vocabulary"], State]


class DecoderOutput(NamedTuple):
    """Teacher-forced logits, and the attention weights of each token (rows sum to one); None without attention."""

    logits: Float[Tensor, "rows length vocabulary"]
    attention: Float[Tensor, "rows length regions"] | None


def captions_per_image(rows: int, images: int) -> int:
    """How many of the `rows` belong to each image; `ValueError` where they do not divide evenly."""
    times, rest = (rows // images, rows % images) if images else (0, rows)  # divmod would fix a symbol's number
    if rest:
        raise ValueError(f"{rows} captions do not divide evenly among {images} images")
    return times


def repeat_rows(tensor: Tensor, rows: int) -> Tensor:
    """Each row repeated to give `rows` in all, copies side by side."""
    return tensor.repeat_interleave(captions_per_image(rows, tensor.shape[0]), dim=0)
