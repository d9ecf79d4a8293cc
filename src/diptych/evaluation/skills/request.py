"""How a generator's skills are asked for."""

from dataclasses import dataclass

from diptych.config.errors import UserError


@dataclass(frozen=True)
class SkillsRequest:
    """How many prompts of each skill, how many pictures of each, and whether each is a complete sentence."""

    num_prompts: int = 250
    images_per_prompt: int = 1
    full_sentences: bool = False

    def __post_init__(self) -> None:
        if self.num_prompts < 2:
            raise UserError(f"num_prompts={self.num_prompts}: at least two are needed, to shuffle them for chance")
        if self.images_per_prompt < 1:
            raise UserError(f"images_per_prompt={self.images_per_prompt}: ask for at least one picture of each prompt")
