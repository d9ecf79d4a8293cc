"""What a table asks of its runs: words of an evaluation, those with one sampling option varied, and what answers them.

A run's folder keeps every result that it was ever given. One answers the words if it was measured on as many examples
of the same split, with the same seed, beside the same partners and with the same sampling options: those of the family
where the words name none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from diptych.config import components
from diptych.evaluation.request import AS_USUAL
from diptych.evaluation.results import Evaluation
from diptych.reports.tables.declaration import Table
from diptych.runs.sampling_options import as_values, options_from, separated

NUM, SPLIT, SEED, WITH, NO_SKILLS = "--num", "--split", "--seed", "--with", "--no-skills"
OF_PROMPTS = "num_prompts"
"""A key of protocols whose `num` counts images of prompts, and no held-out examples."""


class Varied(NamedTuple):
    """One value of a sampling option, and the words of the evaluation with it."""

    option: str
    value: Any
    words: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """The words of an evaluation, read. `partners` are run ids; `sampling` is None of a family without options."""

    num: int
    split: str
    seed: int
    partners: frozenset[str]
    sampling: Mapping[str, Any] | None

    def is_answered_by(self, result: Evaluation) -> bool:
        """Whether the result was measured so."""
        protocol = result.protocol
        partner = protocol.get("with", {}).get("run")
        return (
            self._has_as_many(protocol)
            and (protocol.get("split", self.split), protocol.get("seed", self.seed)) == (self.split, self.seed)
            and (partner is None or partner in self.partners)
            and ("sampling" not in protocol or self.sampling in (None, protocol["sampling"]))
        )

    def _has_as_many(self, protocol: Mapping[str, Any]) -> bool:
        measured, available = protocol.get("num"), protocol.get("available")
        if measured is None or OF_PROMPTS in protocol:
            return True
        return measured == self.num or (measured == available and measured < self.num)


def varied(table: Table, words: Sequence[str]) -> Iterator[Varied]:
    """Every value that the table varies, one option at a time, with fewer examples and without skills.

    `words` are those of the table's evaluation.
    """
    usual = [word for word in _without_num(words) if word != NO_SKILLS]
    for option, values in (table.vary or {}).items():
        kept = [word for word in usual if not word.startswith(f"{option}=")]
        for value in values:
            said = value if isinstance(value, str) else json.dumps(value)
            yield Varied(option, value, (*kept, NUM, str(table.vary_num), NO_SKILLS, f"{option}={said}"))


def asked_by(words: Sequence[str], config: Mapping[str, Any]) -> Asked:
    """What the words ask of a run of this configuration; `UserError` for options that its family does not have."""
    return Asked(
        num=int(_last(words, NUM, AS_USUAL.num)),
        split=str(_last(words, SPLIT, AS_USUAL.split)),
        seed=int(_last(words, SEED, AS_USUAL.seed)),
        partners=frozenset(Path(run).name for run in _values(words, WITH)),
        sampling=_sampling(words, config),
    )


def _sampling(words: Sequence[str], config: Mapping[str, Any]) -> dict[str, Any] | None:
    """All options of the family with the values of the words, as JSON has them."""
    family = getattr(components.find_class(config["system"], "system"), "options", None)
    if family is None:
        return None
    _, given = separated(words)
    return json.loads(json.dumps(as_values(options_from(family, given))))


def _values(words: Sequence[str], flag: str) -> list[str]:
    """What stands behind a flag, as a word of its own or after `=`."""
    apart = [value for word, value in pairwise(words) if word == flag]
    return apart + [word.partition("=")[2] for word in words if word.startswith(f"{flag}=")]


def _last(words: Sequence[str], flag: str, usual: Any) -> Any:
    return _values(words, flag)[-1] if _values(words, flag) else usual


def _without_num(words: Sequence[str]) -> list[str]:
    follows = [False, *(word == NUM for word in words)]
    return [
        word
        for word, is_value in zip(words, follows, strict=False)
        if not is_value and word != NUM and not word.startswith(f"{NUM}=")
    ]
