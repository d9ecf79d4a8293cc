"""Runs made up by a test, as benchmarks see them, and contexts to measure them in."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from diptych.evaluation.context import Context
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.request import Request
from diptych.types import Images

PROTOCOL = {"seed": 0}


def generator_of(generate: Callable[[str], Images], **further: Any) -> SimpleNamespace:
    """A generator whose images of a sentence are copies of the one that `generate` makes."""

    def sample(sentences, *, num_images=1, seed=0, batch_size=64):
        return torch.cat([generate(sentence).expand(num_images, -1, -1, -1) for sentence in sentences])

    return run_of(**{"sample": sample, "cut": str, "takes_sentences": True, "tokenizer": None, **further})


def captioner_of(captions: Callable[..., Any], nats: float = 1.0, **further: Any) -> SimpleNamespace:
    """A captioner that says `captions`, and to which every token costs the same."""
    return run_of(captions=captions, nats_per_token=lambda pictures, sentences: nats, **further)


def run_of(**what_it_does: Any) -> SimpleNamespace:
    """A run that does these things."""
    run = SimpleNamespace(run_id="some-run", parts=Path("nowhere"), read_collapse=lambda: None)
    return SimpleNamespace(**{"run": run, "config": {}, "data_spec": None, **what_it_does})


def context_of(
    subject: Any, held_out: HeldOut, partner: Any = None, *, protocol: Any = PROTOCOL, **request: Any
) -> Context:
    """The run, alone or with a partner, on these very examples."""
    alone = Context(subject, Request(**request))
    context = alone if partner is None else alone.beside(partner)
    for each in (alone, context):
        vars(each).update(held_out=held_out, protocol=protocol)
    return context
