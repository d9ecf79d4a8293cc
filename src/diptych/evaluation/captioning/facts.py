"""The facts that captions state, exactly, on scenes: precision, recall and F1; what is made up, and where it is said.

A fact is an attribute of an object, or how an object but the first stands to another. SPICE (Anderson et al. 2016,
arXiv:1607.08822) compares such facts with those of references, CHAIR (Rohrbach et al. 2018, arXiv:1809.02156) counts
made-up objects; here the scene itself says what is true.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from diptych.evaluation.pooled import pooled
from diptych.evaluation.results import Figure
from diptych.evaluation.scene_accuracy import rotated
from diptych.types import Scene
from diptych.world.constraints import ATTRIBUTES, Atoms
from diptych.world.said import Said, said_of
from diptych.world.wording import RELATION, Wording

KINDS = (*ATTRIBUTES, RELATION)
OBJECT = "object"
NOTES = {
    OBJECT: "mentions of an object that is not there (CHAIR)",
    **dict.fromkeys(KINDS, "claims of this kind that are false"),
}
MOST_PLACES = 16
NOTE = (
    "Facts: attributes of objects, and how each object but the first stands to another; all captions together, so that "
    "a caption counts by what it says. What is no sentence states as many facts as there are, all false. Chance: each "
    "caption held against another image."
)


@dataclass(frozen=True)
class Facts:
    """What captions say of the scenes beside them; `wordings` are None for what is no sentence."""

    wordings: Sequence[Wording | None]
    scenes: Sequence[Scene]
    contents: Sequence[str]

    def figures(self) -> list[Figure]:
        """All lines of the table."""
        beside = Facts(self.wordings, rotated(self.scenes), self.contents)
        return [*self._facts(beside), *self._made_up(beside), *self._by_place(beside)]

    @cached_property
    def said(self) -> list[list[Said]]:
        """What each caption says, in the order of its words."""
        pairs = zip(self.wordings, self.scenes, strict=True)
        return [said_of(wording, scene) if wording else [] for wording, scene in pairs]

    def _facts(self, beside: "Facts") -> Iterator[Figure]:
        lines = {
            "precision": {"name": "precision of facts", "note": "of the facts that are said, those that are true"},
            "recall": {"name": "recall of facts", "note": "of the facts that there are, those that are said"},
            "f1": {
                "name": "F1 of facts",
                "note": "harmonic mean of the two, true numbers left out; n: captions",
                "n": len(self.scenes),
            },
        }
        for name, words in lines.items():
            own, others = (getattr(facts, f"_{name}")() for facts in (self, beside))
            yield pooled(f"fact_{name}", own, self.contents, chance=others, **words)

    def _precision(self) -> list[list[float]]:
        return [_shares(a.true_facts + a.true_numbers, a.claimed) for a in self._atoms()]

    def _recall(self) -> list[list[float]]:
        return [_shares(a.true_facts, a.facts) for a in self._atoms()]

    def _f1(self) -> list[list[float]]:
        """A proportion 2 true / (said + there are), which the harmonic mean is: `Atoms.f1` of all captions."""
        return [_shares(*a.overlap) for a in self._atoms()]

    def _atoms(self) -> list[Atoms]:
        pairs = zip(self.wordings, self.scenes, strict=True)
        return [wording.claims.atoms(scene) if wording else _unread(scene) for wording, scene in pairs]

    def _made_up(self, beside: "Facts") -> Iterator[Figure]:
        own, others = self.said, beside.said
        for kind, note in NOTES.items():
            false, false_of_others = ([_false_of(kind, said) for said in all_said] for all_said in (own, others))
            words = {"name": f"hallucinated, {kind}", "note": note}
            yield pooled(f"hallucinated_{kind}", false, self.contents, chance=false_of_others, **words)

    def _by_place(self, beside: "Facts") -> Iterator[Figure]:
        own, others = self.said, beside.said
        for place in range(min(MOST_PLACES, max(map(len, own), default=0))):
            false, false_of_others = ([_false_at(place, said) for said in all_said] for all_said in (own, others))
            words = {"name": f"hallucinated, fact {place + 1}", "note": "of the captions that say so many"}
            yield pooled(f"hallucinated_at_{place + 1}", false, self.contents, chance=false_of_others, **words)


def _unread(scene: Scene) -> Atoms:
    """Of what is no sentence: as many claims as the scene has facts, none of them true."""
    facts = len(ATTRIBUTES) * len(scene.objects) + max(0, len(scene.objects) - 1)
    return Atoms(claimed=facts, true_facts=0, true_numbers=0, facts=facts)


def _shares(successes: int, number: int) -> list[float]:
    """As many ones as there are successes, among zeros."""
    return [1.0] * successes + [0.0] * (number - successes)


def _false_of(kind: str, said: Sequence[Said]) -> list[float]:
    """Of each claim of this kind whether it is false; of each mention, whether any of its attributes is."""
    claims: dict[str, list[float]] = {}
    mentions: dict[int, float] = {}
    for one in said:
        is_false = float(not one.is_true)
        claims.setdefault(one.place.kind, []).append(is_false)
        if one.place.is_attribute:
            mentions[one.place.index] = max(is_false, mentions.get(one.place.index, 0.0))
    return (claims | {OBJECT: list(mentions.values())}).get(kind, [])


def _false_at(place: int, said: Sequence[Said]) -> list[float]:
    return [float(not said[place].is_true)] if place < len(said) else []
