"""A tiny autoencoder with codes, and priors over them."""

from functools import partial
from typing import Any

import pytest
import torch
from letters import SPEC, BagOfWords

from diptych.models.autoencoders.convolutional import ConvDecoder, ConvEncoder
from diptych.models.priors.autoregressive import AutoregressivePrior
from diptych.models.priors.masked import MaskedPrior
from diptych.systems.autoencoding.bottlenecks.vector_quantizer import VectorQuantizer
from diptych.systems.autoencoding.system import Autoencoder
from diptych.systems.likelihoods import SquaredError
from diptych.systems.prior.autoregressive import AutoregressiveCodePrior
from diptych.systems.prior.masked import MaskedCodePrior

ADAM = partial(torch.optim.Adam, lr=1e-3)
KINDS = {"ar": (AutoregressiveCodePrior, AutoregressivePrior), "masked": (MaskedCodePrior, MaskedPrior)}


@pytest.fixture
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    sizes = {"image_size": 28, "image_channels": 1, "widths": (8, 8)}
    encoder = ConvEncoder(**sizes)
    bottleneck = VectorQuantizer(feature_channels=8, num_codes=12, code_dim=4)
    decoder = ConvDecoder(latent_channels=4, latent_size=7, **sizes)
    parts = {"data_spec": SPEC, "encoder": encoder, "bottleneck": bottleneck, "decoder": decoder}
    return Autoencoder(**parts, likelihood=SquaredError(), optimizer=ADAM)


@pytest.fixture
def make_prior(autoencoder):
    """`make_prior("ar")`: the same initial weights every time, none of them zero, so that everything says something."""

    def make(kind: str, conditional: bool = True, **settings: Any) -> Any:
        torch.manual_seed(0)
        system, network = KINDS[kind]
        facts = {"condition_dim": 6, "word_dim": 6} if conditional else {}
        prior = network(num_codes=12, code_size=7, dim=16, depth=2, num_heads=2, **facts)
        for name, parameter in prior.named_parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(len(name)))
        encode = BagOfWords() if conditional else None
        parts = {"data_spec": SPEC, "prior": prior, "autoencoder": autoencoder, "text_encoder": encode}
        return system(**(parts | {"optimizer": ADAM} | settings))

    return make
