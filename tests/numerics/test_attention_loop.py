"""The attention decoder against an independent one: the usual loop, word by word, of the benchmark."""

import torch

import attention_decoder as benchmark
from diptych.types import ImageFeatures


def test_the_decoder_has_the_logits_and_gradients_of_the_per_step_loop():
    decoder, loop = (d.double() for d in benchmark.make_decoders(dim=12, vocabulary_size=20, region_dim=10))
    features, tokens = benchmark.make_batch(vocabulary_size=20, region_dim=10)
    ours, theirs = (ImageFeatures(*(part.detach().double().requires_grad_() for part in features)) for _ in range(2))
    logits = decoder(ours, tokens[:, :-1]).logits
    torch.testing.assert_close(logits, loop(theirs, tokens[:, :-1]))
    shared = {"embedding.weight": loop.embedding.weight, "keys.weight": loop.keys.weight}
    benchmark.step(logits, tokens)
    learned = {name: decoder.get_parameter(name).grad.clone() for name in shared}
    decoder.zero_grad()
    benchmark.step(loop(theirs, tokens[:, :-1]), tokens)
    torch.testing.assert_close(ours.regions.grad, theirs.regions.grad)
    torch.testing.assert_close(ours.pooled.grad, theirs.pooled.grad)
    for name, parameter in shared.items():
        torch.testing.assert_close(learned[name], parameter.grad)
    torch.testing.assert_close(loop.cell.weight_hh.grad, decoder_gates(decoder, theirs, tokens))


def decoder_gates(decoder, features, tokens):
    """The gradient of the fused matrix's rows that are the recurrent gates."""
    decoder.zero_grad()
    benchmark.step(decoder(features, tokens[:, :-1]).logits, tokens)
    return decoder.from_hidden.weight.grad[: 4 * decoder.hidden_dim]
