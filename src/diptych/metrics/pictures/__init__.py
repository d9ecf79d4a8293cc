"""How good pictures are without asking what they show: sets of pictures against real ones, and pictures in pairs.

Sets are compared by their feature vectors, one a picture, which networks elsewhere compute; pairs by their pixels.
docs/image_metrics.md says which figure is whose, and which public implementation agrees.
"""

from diptych.metrics.pictures.frechet import frechet_distance, frechet_infinity
from diptych.metrics.pictures.kernel import Estimate, kernel_distance
from diptych.metrics.pictures.manifolds import ManifoldScores, manifold_scores
from diptych.metrics.pictures.variety import inception_score, ms_ssim_diversity, vendi_score

__all__ = [
    "Estimate",
    "ManifoldScores",
    "frechet_distance",
    "frechet_infinity",
    "inception_score",
    "kernel_distance",
    "manifold_scores",
    "ms_ssim_diversity",
    "vendi_score",
]
