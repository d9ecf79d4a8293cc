"""How sure a figure is, what its interval ranges over, and whether two of them differ: see docs/statistics.md."""

from diptych.metrics.statistics.aggregates import (
    interquartile_mean,
    interquartile_means,
    performance_profile,
    probabilities_of_improvement,
    probability_of_improvement,
)
from diptych.metrics.statistics.checkpoints import mcnemar, permute_clusters, sign_flips
from diptych.metrics.statistics.clusters import cluster_interval
from diptych.metrics.statistics.contrast import Contrast
from diptych.metrics.statistics.crossed import crossed_interval
from diptych.metrics.statistics.holm import holm
from diptych.metrics.statistics.interval import Interval
from diptych.metrics.statistics.matched import matched_cluster_difference, matched_difference
from diptych.metrics.statistics.methods import paired_t, welch_t
from diptych.metrics.statistics.proportions import Proportion, wilson_interval
from diptych.metrics.statistics.resampling import resampled_bounds, resampled_interval, whole_runs, within_tasks
from diptych.metrics.statistics.seeds import bounded_interval, student_t_interval

__all__ = [
    "Contrast",
    "Interval",
    "Proportion",
    "bounded_interval",
    "cluster_interval",
    "crossed_interval",
    "holm",
    "interquartile_mean",
    "interquartile_means",
    "matched_cluster_difference",
    "matched_difference",
    "mcnemar",
    "paired_t",
    "performance_profile",
    "permute_clusters",
    "probabilities_of_improvement",
    "probability_of_improvement",
    "resampled_bounds",
    "resampled_interval",
    "sign_flips",
    "student_t_interval",
    "welch_t",
    "whole_runs",
    "wilson_interval",
    "within_tasks",
]
