"""Restricted searches find the best caption that keeps the restrictions: as if all captions were looked through."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_steps import LENGTH, VOCABULARY, WORDS, HistoryModel, all_finished, caption_of

from diptych.decoding import beam, greedy, sample
from diptych.decoding.phrases import Phrases
from diptych.decoding.restrictions import (
    at_least,
    at_most,
    beginning_with,
    containing,
    repetition_penalty,
    together,
    without,
    without_repeated_ngrams,
)
from diptych.types import EOS_ID, UNK_ID

EVERYTHING = len(WORDS) ** LENGTH
PLAIN = [word for word in WORDS if word != EOS_ID]
words = st.sampled_from(PLAIN)
phrases = st.lists(st.lists(words, min_size=1, max_size=2).map(tuple), max_size=2)
some_phrases = st.lists(st.lists(words, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2)
laws = settings(max_examples=15, deadline=None, derandomize=True)


def has(caption: tuple[int, ...], phrase: tuple[int, ...]) -> bool:
    return any(caption[i : i + len(phrase)] == phrase for i in range(len(caption) - len(phrase) + 1))


def repeats(caption: tuple[int, ...], length: int) -> bool:
    ngrams = [caption[i : i + length] for i in range(len(caption) - length + 1)]
    return len(set(ngrams)) < len(ngrams)


def best_of(model, image, captions, power=1.0, count=1):
    scores = {c: model.log_prob(image, c) / len(c) ** power for c in captions}
    return sorted(scores, key=scores.__getitem__, reverse=True)[:count]


@laws
@given(
    seed=st.integers(0, 1000),
    least=st.integers(0, 2),
    most=st.integers(2, 3),
    forbidden=phrases,
    prefix=st.lists(words, max_size=2).map(tuple),
    ngrams=st.integers(0, 3),
    required=phrases,
    power=st.sampled_from([0.0, 0.7, 1.0]),
)
def test_a_beam_that_drops_nothing_is_exhaustive_under_all_restrictions_together(
    seed, least, most, forbidden, prefix, ngrams, required, power
):
    model = HistoryModel(seed, images=1)
    rules = [at_least(least), at_most(most), without(forbidden)]
    rules += [without_repeated_ngrams(ngrams)] if ngrams else []
    restrict = together(beginning_with(prefix, together(*rules)))
    found = beam(
        model,
        model.start,
        width=EVERYTHING,
        max_length=LENGTH,
        length_power=power,
        restrict=restrict,
        required=Phrases(required),
    )

    def keeps(caption):
        said, places = caption[:-1], range(len(prefix), len(caption) - 1)
        ends = {i: {said[i + 1 - n : i + 1] for n in range(1, i + 2)} for i in range(len(said))}
        return (
            said[: len(prefix)] == prefix
            and least <= len(said) <= max(most, len(prefix))
            and all(has(said, phrase) for phrase in required)
            and not any(phrase in ends[i] for phrase in forbidden for i in places)
            and not any(
                len(ngram) == ngrams and ngram in ends[j] for i in places for ngram in ends[i] for j in range(i)
            )
        )

    if allowed := [caption for caption in all_finished(LENGTH) if keeps(caption)]:
        (best,) = best_of(model, 0, allowed, power)
        assert caption_of(found.tokens[0]) == best
        assert found.log_prob.item() == pytest.approx(model.log_prob(0, best), abs=1e-4)


@laws
@given(seed=st.integers(0, 1000), count=st.integers(1, 12))
def test_the_n_best_are_those_of_all_captions_in_order(seed, count):
    model = HistoryModel(seed, images=2)
    found = beam(model, model.start, width=EVERYTHING, max_length=LENGTH, num_best=count)
    rows = [caption_of(row) for row in found.tokens]
    for image in range(2):
        assert rows[image * count : (image + 1) * count] == best_of(model, image, all_finished(LENGTH), count=count)


@pytest.mark.parametrize("search", [greedy, partial(beam, width=1), partial(beam, width=5), "sampled"])
def test_every_search_takes_the_same_restrictions(search):
    if search == "sampled":
        search = partial(sample, rng=torch.Generator().manual_seed(0))
    for seed in range(8):
        model = HistoryModel(seed)
        restrict = together(
            beginning_with((4,), together(at_least(3), without([(UNK_ID,)]), without_repeated_ngrams(2)))
        )
        found = search(model, model.start, max_length=6, restrict=restrict)
        for row, log_prob, image in zip(found.tokens, found.log_prob.tolist(), range(4), strict=True):
            caption = caption_of(row)
            said = caption[:-1] if caption[-1] == EOS_ID else caption
            assert said[0] == 4
            assert len(said) >= 3
            assert UNK_ID not in said
            assert not repeats(said, 2)
            assert log_prob == pytest.approx(model.log_prob(image, caption), abs=1e-4)


@laws
@given(seed=st.integers(0, 1000), required=some_phrases)
def test_narrow_beams_find_captions_with_all_phrases(seed, required):
    """Even those that the model thinks impossible: a beam of one more than the tokens of the phrases has room."""
    model = HistoryModel(seed)
    model.table[:, [token for phrase in required for token in phrase]] -= 20
    num_tokens = sum(map(len, required))
    found = beam(model, model.start, width=num_tokens + 1, max_length=num_tokens + 3, required=Phrases(required))
    for row in found.tokens:
        assert all(has(caption_of(row), phrase) for phrase in required)


def test_what_must_be_contained_is_not_lost_among_likelier_hypotheses():
    """Without places of its own the phrase would be pushed out: this is the point of the allocation."""
    model = HistoryModel(3)
    model.table[:, 5] -= 20
    restricted = beam(model, model.start, width=2, max_length=LENGTH, restrict=containing(Phrases([(5,)])))
    allocated = beam(model, model.start, width=2, max_length=LENGTH, required=Phrases([(5,)]))
    assert not any(has(caption_of(row), (5,)) for row in restricted.tokens)
    assert all(has(caption_of(row), (5,)) for row in allocated.tokens)


@laws
@given(
    text=st.lists(words, max_size=8), required=st.lists(st.lists(words, min_size=1, max_size=3), min_size=1, max_size=3)
)
def test_phrases_are_counted_as_far_as_the_end_of_the_caption_begins_them(text, required):
    counter, said = Phrases(required), tuple(text)

    def count(caption):
        return sum(
            len(p)
            if has(caption, tuple(p))
            else max(n for n in range(len(p)) if caption[len(caption) - n :] == tuple(p[:n]))
            for p in required
        )

    tokens = torch.tensor([text], dtype=torch.long)
    assert counter.met(tokens).item() == count(said)
    after = counter.met_after(tokens, VOCABULARY)[0].tolist()
    assert after == [count((*said, token)) for token in range(VOCABULARY)]


@pytest.mark.parametrize("search", [greedy, partial(beam, width=3), "sampled"])
def test_where_no_token_may_follow_the_caption_ends(search):
    if search == "sampled":
        search = partial(sample, rng=torch.Generator().manual_seed(0))
    model = HistoryModel(0)
    restrict = together(at_least(9), without_repeated_ngrams(1))
    found = search(model, model.start, max_length=9, restrict=restrict)
    for row in found.tokens:
        caption = caption_of(row)
        assert sorted(caption) == sorted([EOS_ID, *PLAIN])
        assert caption[-1] == EOS_ID


def test_a_penalty_of_one_changes_nothing_and_a_large_one_repeats_nothing():
    for seed in range(5):
        model = HistoryModel(seed, end_bias=-3.0)
        free = greedy(model, model.start, max_length=4)
        assert torch.equal(
            greedy(model, model.start, max_length=4, restrict=repetition_penalty(1.0)).tokens, free.tokens
        )
        strict = greedy(model, model.start, max_length=4, restrict=repetition_penalty(1e3))
        assert not any(repeats(caption_of(row), 1) for row in strict.tokens)


def test_groups_that_are_not_penalised_are_beams_of_their_own():
    model = HistoryModel(1)
    alone = beam(model, model.start, width=3, max_length=LENGTH)
    groups = beam(model, model.start, width=6, groups=2, diversity_penalty=0.0, num_best=2, max_length=LENGTH)
    assert torch.equal(groups.tokens.view(4, 2, -1)[:, 0], alone.tokens)
    assert torch.equal(groups.tokens.view(4, 2, -1)[:, 1], alone.tokens)


def test_groups_avoid_each_other_s_tokens_at_each_step_by_hamming_distance():
    """Two groups of one hypothesis, step by step: the second takes the best token but for the penalty."""
    model, penalty = HistoryModel(2, images=1), 1.5
    found = beam(
        model,
        model.start,
        width=2,
        groups=2,
        num_best=2,
        diversity_penalty=penalty,
        max_length=LENGTH,
        length_power=0.0,
    )
    first = caption_of(greedy(model, model.start, max_length=LENGTH).tokens[0])
    state, token, second = model.start, torch.tensor([1]), []
    for time in range(LENGTH):
        logits, state = model(token, state)
        ranks = logits.log_softmax(-1)
        ranks[:, [0, 1]] = -torch.inf
        if time < len(first):
            ranks[0, first[time]] -= penalty
        token = ranks.argmax(-1)
        second.append(token.item())
        if second[-1] == EOS_ID:
            break
    rows = [caption_of(row) for row in found.tokens]
    assert sorted(rows) == sorted([first, tuple(second)])
    for row, score in zip(rows, found.score.tolist(), strict=True):
        assert score == pytest.approx(model.log_prob(0, row), abs=1e-4)
    assert found.score[0] >= found.score[1]


def test_a_strong_penalty_gives_more_different_captions():
    different = []
    for penalty in (0.0, 5.0):
        rows = []
        for seed in range(10):
            model = HistoryModel(seed)
            found = beam(
                model, model.start, width=4, groups=4, num_best=4, diversity_penalty=penalty, max_length=LENGTH
            )
            rows += [(seed, i // 4, caption_of(row)) for i, row in enumerate(found.tokens)]
        different.append(len(set(rows)))
    assert different[0] == 40
    assert different[1] > 120


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"width": 2, "num_best": 3}, "num_captions=3"),
        ({"width": 3, "groups": 2}, "diverse_groups=2"),
        ({"width": 2, "groups": 0}, "diverse_groups=0"),
    ],
)
def test_impossible_beams_are_refused_by_name(asked, reason):
    model = HistoryModel(0)
    with pytest.raises(ValueError, match=reason):
        beam(model, model.start, max_length=LENGTH, **asked)


def test_an_empty_phrase_is_refused():
    with pytest.raises(ValueError, match="contains="):
        Phrases([()])


def test_fewer_captions_than_asked_for_have_no_score():
    model = HistoryModel(0, images=1)
    found = beam(model, model.start, width=9, num_best=9, max_length=2, restrict=at_most(1))
    assert int(found.score.isfinite().sum()) == len(PLAIN) + 1
