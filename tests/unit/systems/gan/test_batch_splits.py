"""Whatever generator: an image does not depend on the batch that it is generated in, with any sampling options."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from diptych.config import components
from diptych.models.gan.dcgan import DCGANDiscriminator
from diptych.systems.gan.options import HasStyles, LatentOptions
from diptych.types import SPECIAL_TOKENS, DataSpec

CONF = Path(__file__).resolve().parents[4] / "conf" / "generator"
SPEC = DataSpec("letters", 32, 3, SPECIAL_TOKENS + tuple("abcdefgh"), max_length=6)
FACTS = {"image_size": 32, "image_channels": 3, "condition_dim": 6, "word_dim": 6, "max_length": 6}
OPTIONS = [{}, {"truncation": 0.5}, {"guidance_scale": 2.0}, {"truncation": 0.7, "guidance_scale": 1.5}]
SENTENCES = ["a b c", "d e", "f"]


def tiny(node: dict[str, Any]) -> dict[str, Any]:
    """The generator of the file, narrow where it has one width."""
    return {**node, "width": 4} if "width" in node else node


@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("*.yaml")))
def test_images_do_not_depend_on_the_split(name, make_gan):
    node = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    generator = components.build(tiny(node), "generator", FACTS)
    discriminator = DCGANDiscriminator(image_size=32, image_channels=3, width=4, condition_dim=6)
    gan = make_gan(generator=generator, discriminator=discriminator, data_spec=SPEC)
    gan.reference_sentences = ("a b", "c d e", "g")
    mixings = [{"style_mixing": 1}, {"style_mixing": 1, "truncation": 0.5}] if isinstance(generator, HasStyles) else []
    for options in (LatentOptions(**values) for values in OPTIONS + mixings):
        whole = gan.generate(SENTENCES, num_images=2, options=options)
        for batch_size in (1, 4):
            split = gan.generate(SENTENCES, num_images=2, options=options, batch_size=batch_size)
            torch.testing.assert_close(split, whole, atol=1e-5, rtol=1e-5)
