"""Caption objectives: from one training step to its losses.

An objective is one class and one file in `conf/caption_objective`. It sees a step through `CaptionStep`.
"""

from diptych.systems.captioning.objectives.adversarial import Adversarial
from diptych.systems.captioning.objectives.adversarial_gumbel import AdversarialGumbel
from diptych.systems.captioning.objectives.cross_entropy import CrossEntropy
from diptych.systems.captioning.objectives.hard_attention import HardAttentionObjective
from diptych.systems.captioning.objectives.interface import CaptionObjective, check_helpers
from diptych.systems.captioning.objectives.rewards import CiderReward, Reward, TruthReward
from diptych.systems.captioning.objectives.self_critical import SelfCritical, SelfCriticalGreedy
from diptych.systems.captioning.objectives.step import CaptionStep, WholeBatch

__all__ = [
    "Adversarial",
    "AdversarialGumbel",
    "CaptionObjective",
    "CaptionStep",
    "CiderReward",
    "CrossEntropy",
    "HardAttentionObjective",
    "Reward",
    "SelfCritical",
    "SelfCriticalGreedy",
    "TruthReward",
    "WholeBatch",
    "check_helpers",
]
