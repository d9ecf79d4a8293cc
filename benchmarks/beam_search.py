"""Compare our batched beam search with a loop over pictures and hypotheses, as Markdown.

`python benchmarks/beam_search.py` captions the features of 1,000 pictures by a beam of 5: in batches, and one picture
after the other by a plain loop over hypotheses, as captioners without batches do. The captions must be equal. Beside it
stands what batches gain a decoder's step alone, which bounds what a search can gain from them: the rows of 64 pictures
at once, or those of one. Parts of the pictures alternate in one process, so that other programs slow all alike.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter

import torch
from torch import nn

from diptych.decoding import beam, decode
from diptych.models.caption_decoders import AttentionLSTMDecoder, LSTMDecoder
from diptych.types import BOS_ID, EOS_ID, PAD_ID, ImageFeatures

PICTURES, BATCH, WIDTH, MAX_LENGTH = 1_000, 64, 5, 16
VOCABULARY, DIM, REGIONS = 1_000, 256, 16
PARTS = 5
ENDING = {"LSTM": 1.0, "LSTM with attention": 4.5}
"""What is added to the logit of <eos>, so that captions have about ten tokens."""


def decoders() -> dict[str, nn.Module]:
    """Untrained decoders whose captions end after some words and differ from picture to picture."""
    torch.manual_seed(0)
    sizes = {"vocabulary_size": VOCABULARY, "image_dim": DIM, "embedding_dim": DIM, "hidden_dim": DIM}
    attention = AttentionLSTMDecoder(**sizes, region_dim=DIM, attention_dim=DIM)
    found = {"LSTM": LSTMDecoder(**sizes), "LSTM with attention": attention}
    for name, network in found.items():
        network.eval().requires_grad_(False)
        for parameter in network.parameters():
            parameter.mul_(3)
        network.to_logits.bias[EOS_ID] += ENDING[name]
    return found


def features(pictures: int) -> ImageFeatures:
    """Features of pictures that do not exist."""
    rng = torch.Generator().manual_seed(1)
    return ImageFeatures(torch.randn(pictures, DIM, generator=rng), torch.randn(pictures, REGIONS, DIM, generator=rng))


def batched(decoder: nn.Module, whole: ImageFeatures) -> list[tuple[int, ...]]:
    """All captions, a batch of pictures at a time."""
    search = partial(beam, width=WIDTH)
    rows = []
    for start in range(0, len(whole.pooled), BATCH):
        part = ImageFeatures(*(leaf[start : start + BATCH] for leaf in whole))
        rows += decode(decoder, part, search, max_length=MAX_LENGTH).tokens.tolist()
    return [tuple(token for token in row if token != PAD_ID) for row in rows]


def one_by_one(decoder: nn.Module, whole: ImageFeatures) -> list[tuple[int, ...]]:
    """The same search for each picture: a list of hypotheses, extended together, one picture after the other."""
    return [_alone(decoder, ImageFeatures(*(leaf[i : i + 1] for leaf in whole))) for i in range(len(whole.pooled))]


def _alone(decoder: nn.Module, one: ImageFeatures) -> tuple[int, ...]:
    memory = decoder.encode_memory(one)
    state, live = decoder.initial_state(memory), [((), 0.0)]
    best: tuple[float, tuple[int, ...]] = (-float("inf"), ())
    for time in range(MAX_LENGTH):
        rows = [i for i, (tokens, _) in enumerate(live) if tokens[-1:] != (EOS_ID,)]
        last = torch.tensor([live[i][0][-1] if live[i][0] else BOS_ID for i in rows])
        logits, state = decoder.step(last, memory, state)
        log_probs = logits.log_softmax(-1)
        log_probs[:, [PAD_ID, BOS_ID]] = -torch.inf
        candidates = [(total / len(tokens), tokens, total, -1) for tokens, total in live if tokens[-1:] == (EOS_ID,)]
        for row, i in enumerate(rows):
            tokens, total = live[i]
            values, words = log_probs[row].topk(WIDTH)
            for value, word in zip(values.tolist(), words.tolist(), strict=True):
                candidates.append(((total + value) / (time + 1), (*tokens, word), total + value, row))
        candidates = sorted(candidates, key=lambda each: -each[0])[:WIDTH]
        live = [(tokens, total) for _, tokens, total, _ in candidates]
        best = max([best, *((score, tokens) for score, tokens, _, _ in candidates if tokens[-1] == EOS_ID)])
        parents = [row for _, tokens, _, row in candidates if tokens[-1] != EOS_ID]
        if not parents or best[0] >= max(t / MAX_LENGTH for tokens, t in live if tokens[-1] != EOS_ID):
            break
        state = tuple(leaf[torch.tensor(parents)] for leaf in state)
    return best[1] or live[0][0]


def step_gain(decoder: nn.Module, whole: ImageFeatures) -> tuple[float, float]:
    """Seconds of a step a picture, five rows at a time and in a whole batch."""
    seconds = []
    for size in (1, BATCH):
        memory = decoder.encode_memory(ImageFeatures(*(leaf[:size] for leaf in whole)))
        state = tuple(leaf.repeat_interleave(WIDTH, 0) for leaf in decoder.initial_state(memory))
        tokens = torch.full((size * WIDTH,), EOS_ID + 2)
        times = [_seconds(partial(decoder.step, tokens, memory, state))[0] for _ in range(60)]
        seconds.append(median(times) / size)
    return seconds[0], seconds[1]


def _seconds(call: Callable) -> tuple[float, list]:
    started = perf_counter()
    answer = call()
    return perf_counter() - started, answer


def compare(decoder: nn.Module, pictures: int) -> str:
    """A row of the table."""
    whole, turns, captions = features(pictures), [], ([], [])
    for part in range(PARTS):
        some = ImageFeatures(*(leaf.chunk(PARTS)[part] for leaf in whole))
        ours, theirs = _seconds(partial(batched, decoder, some)), _seconds(partial(one_by_one, decoder, some))
        turns.append((ours[0], theirs[0]))
        captions[0].extend(ours[1])
        captions[1].extend(theirs[1])
    same = sum(a == b for a, b in zip(*captions, strict=True))
    fast, slow = (sum(times) for times in zip(*turns, strict=True))
    alone, together = step_gain(decoder, whole)
    columns = [
        f"{fast:.2f}",
        f"{slow:.2f}",
        f"**{median(b / a for a, b in turns):.1f}**",
        f"{same:,} of {pictures:,}",
        f"{sum(map(len, captions[0])) / pictures:.1f}",
        f"{alone / together:.1f}",
    ]
    return " | ".join(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    pictures = parser.parse_args().pictures
    print(f"## Beam {WIDTH} over {pictures:,} pictures: in batches of {BATCH} against one picture after the other\n")
    print(f"V = {VOCABULARY:,}, dimensions {DIM}, {REGIONS} regions, at most {MAX_LENGTH} tokens,", end=" ")
    print(f"{torch.get_num_threads()} threads; the ratio is the median of {PARTS} parts.\n")
    print("| decoder | batches, s | loop, s | ratio | equal captions | tokens a caption | a step's own gain |")
    print("|---|---|---|---|---|---|---|")
    for name, decoder in decoders().items():
        print(f"| {name} | {compare(decoder, pictures)} |", flush=True)


if __name__ == "__main__":
    main()
