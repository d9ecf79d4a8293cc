"""What a step of the demo took. Apart from the report, so that nothing heavy is imported while a training runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `images` is what a training saw, None for steps that train nothing; `link` its run in the folder."""

    name: str
    seconds: float
    images: int | None = None
    link: str = ""
