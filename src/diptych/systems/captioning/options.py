"""What a call may ask of captions.

The fields are the options of `diptych caption` and `diptych evaluate` (`KEY=VALUE`), of `caption()` in Python, and the
entries of an evaluation's protocol.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

TEXTS = ("suppress", "prefix", "contains")
"""Options whose values are words of captions: on the command line `contains=on` is the word, not a truth value."""


@dataclass(frozen=True)
class CaptionOptions:
    """How captions are searched for or drawn, and what they may be. Lengths count tokens without <eos>.

    A search keeps the `beam` best hypotheses (1: greedy) and compares them by log-probability over length to the power
    `length_power`. A `temperature` above 0 draws instead: from the `top_k` likeliest tokens (0: all), then from the
    nucleus that holds `top_p`; what is drawn depends on `seed` and picture alone.

    `num_captions` asks for the best (or for so many drawn) ones; `diverse_groups` divide the beam into groups that
    avoid each other's tokens, each one at a cost of `diversity_penalty` nats.

    A caption has `min_length` tokens at least and ends at `max_length` (None: it is cut where those of the data were
    longest); it has no run of `block_ngrams` tokens twice (0: allowed) and none of `suppress` (words, phrases,
    `<unk>`); it begins with `prefix` and has all of `contains`. `repetition_penalty` multiplies log-probabilities of
    tokens that it has already. A ValueError names what is impossible.

    `unanswered` names options that a family of captioners cannot follow, and says why.
    """

    unanswered: ClassVar[Mapping[str, str]] = {}

    beam: int = 1
    length_power: float = 1.0
    num_captions: int = 1
    diverse_groups: int = 1
    diversity_penalty: float = 0.5
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    min_length: int = 1
    max_length: int | None = None
    block_ngrams: int = 0
    repetition_penalty: float = 1.0
    suppress: tuple[str, ...] | str = ()
    prefix: str = ""
    contains: tuple[str, ...] | str = ()

    def __post_init__(self) -> None:
        for name in ("suppress", "contains"):
            object.__setattr__(self, name, _phrases(name, getattr(self, name)))
        self._check_answered()
        self._check_ranges()
        if self.draws:
            self._check_drawing()
        else:
            self._check_search()

    @property
    def draws(self) -> bool:
        """Whether captions are drawn; else they are searched for."""
        return self.temperature > 0

    def given(self) -> dict[str, Any]:
        """The options that are not as usual."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, usual) in values.items() if value != usual}

    def _check_answered(self) -> None:
        for name, value in self.given().items():
            if name in self.unanswered:
                raise ValueError(f"{name}={value}: {self.unanswered[name]}; leave it out")

    def _check_ranges(self) -> None:
        if self.beam < 1:
            raise ValueError(f"beam={self.beam}: keep at least one hypothesis in the search (1 is greedy)")
        for name in ("num_captions", "diverse_groups", "min_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: give 1 or more")
        for name in ("length_power", "diversity_penalty", "temperature", "top_k", "seed", "block_ngrams"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)}: give 0 or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p}: give a share above 0 and at most 1")
        if not 1 <= self.repetition_penalty < math.inf:
            raise ValueError(f"repetition_penalty={self.repetition_penalty}: give 1 (none) or more")
        if self.max_length is not None and self.max_length < self.min_length:
            raise ValueError(f"max_length={self.max_length}: give min_length={self.min_length} or more")

    def _check_drawing(self) -> None:
        for name in ("beam", "length_power", "diverse_groups", "diversity_penalty", "contains"):
            if name in self.given():
                raise ValueError(
                    f"{name}={getattr(self, name)} belongs to a search, and temperature={self.temperature} draws "
                    "captions: leave one of them out"
                )

    def _check_search(self) -> None:
        for name in ("top_k", "top_p", "seed"):
            if name in self.given():
                raise ValueError(f"{name}={getattr(self, name)} belongs to drawing: give temperature=1.0 as well")
        if self.num_captions > self.beam:
            raise ValueError(
                f"num_captions={self.num_captions}: a search gives as many as it keeps; give beam={self.num_captions} "
                "or more, or temperature=1.0 to draw them"
            )
        if self.beam % self.diverse_groups:
            raise ValueError(f"diverse_groups={self.diverse_groups}: they divide the beam evenly, and beam={self.beam}")
        if self.beam == 1 and self.length_power != 1:
            raise ValueError(
                f"length_power={self.length_power}: greedy search compares no captions; give beam=2 or more"
            )
        if self.diverse_groups == 1 and "diversity_penalty" in self.given():
            raise ValueError(f"diversity_penalty={self.diversity_penalty}: give diverse_groups=2 or more as well")


class LatentOptions(CaptionOptions):
    """Those of captioners that draw latents, and take the likeliest words."""

    unanswered: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("top_k", "top_p"), "this captioner draws latents and takes the likeliest words"
    )


class RuleOptions(CaptionOptions):
    """Those of captioners that have sentences by rules: how many to draw, and from what."""

    unanswered: ClassVar[Mapping[str, str]] = {
        field.name: "a captioner of rules searches no words"
        for field in fields(CaptionOptions)
        if field.name not in ("temperature", "seed", "num_captions")
    }

    def _check_search(self) -> None:
        if self.num_captions > 1:
            raise ValueError(
                f"num_captions={self.num_captions}: rules have one likeliest caption; give temperature=1.0"
            )
        super()._check_search()


def _phrases(name: str, value: Any) -> tuple[str, ...]:
    phrases = (value,) if isinstance(value, str) else tuple(value)
    for phrase in phrases:
        if not isinstance(phrase, str) or not phrase.strip():
            raise ValueError(f"{name}={value!r}: give a word, or several as [one,two]; quote those that are no text")
    return phrases
