"""The skills benchmark: prompts by skill, in the manner of GenEval."""
