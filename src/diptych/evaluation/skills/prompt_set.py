"""The prompts of a world's skills, in the languages and phrasings of its data; the same for every run."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.skills.figures import NAMES, SUFFIX
from diptych.evaluation.skills.request import SkillsRequest
from diptych.world import HoldOut, WorldSpec, hold_out_named
from diptych.world.prompts import PARTS, Prompt, Speech, prompts_of
from diptych.world.skills import skills_of


@dataclass(frozen=True)
class PromptSet:
    """The prompts of one world, in the languages and phrasings of its data; skills take turns."""

    spec: WorldSpec
    hold_out: HoldOut | None
    speech: Speech
    request: SkillsRequest

    @classmethod
    def of(cls, held_out: HeldOut, request: SkillsRequest) -> "PromptSet":
        """For the world, the hold-out and the phrasings of the data that are evaluated on."""
        spec, node = held_out.world, held_out.node
        assert spec is not None
        hold_out = hold_out_named(node["hold_out"], spec) if node.get("hold_out") else None
        speech = Speech(held_out.spec.languages, node.get("phrasings"), request.full_sentences)
        return cls(spec, hold_out, speech, request)

    @cached_property
    def prompts(self) -> list[Prompt]:
        """All of them: the first of every skill, then the second of every skill, and so on."""
        rows = [self._prompts(skill, part) for part in PARTS for skill in skills_of(self.spec)]
        longest = max(map(len, rows), default=0)
        return [row[i] for i in range(longest) for row in rows if i < len(row)]

    def num_contents(self) -> dict[str, int]:
        """How many different contents each skill's prompts have, those of held-out ones apart."""
        drawn: dict[str, set[Any]] = {}
        for prompt in self.prompts:
            name = f"{NAMES[prompt.skill]}{SUFFIX[prompt.part]}"
            drawn.setdefault(name, set()).add(prompt.content)
        return {name: len(contents) for name, contents in drawn.items()}

    def _prompts(self, skill: str, part: str) -> list[Prompt]:
        return prompts_of(
            skill,
            self.spec,
            self.request.num_prompts,
            part=part,
            hold_out=self.hold_out,
            speech=self.speech,
            scenes=self.request.images_per_prompt,
        )
