"""Pictures of any origin against others: two folders, or a folder and a file of statistics; no run is asked for."""

from pathlib import Path

import torch

from diptych.data.folders.located import pictures_in
from diptych.evaluation.generation.against import WAYS_OF_FOLDERS, saved_set
from diptych.evaluation.generation.features import feature_network
from diptych.evaluation.generation.image_sets import Sets, compared_vectors
from diptych.evaluation.generation.picture_folder import folder_set
from diptych.evaluation.generation.reference_set import AS_THEY_ARE, ReferenceSet
from diptych.evaluation.progress import silently
from diptych.evaluation.protocol import of_the_code
from diptych.evaluation.results import Evaluation
from diptych.models.features import FeatureNetwork
from diptych.types import Track

KIND, TITLE = "image_sets", "Sets of images"
NO_PIXELS = torch.zeros(0, 3, 1, 1)


def is_picture_folder(name: str) -> bool:
    """Whether it is a folder of pictures and not a run's or a sweep's."""
    folder = Path(name)
    if not folder.is_dir() or any(path.is_symlink() and path.is_dir() for path in folder.iterdir()):
        return False
    is_of_runs = any(any(folder.glob(f"{inner}config.yaml")) for inner in ("", "*/", "*/*/"))
    return not is_of_runs and bool(pictures_in(folder))


def compare_folder(
    folder: Path,
    against: str,
    *,
    features: str | None = None,
    seed: int = 0,
    force: bool = False,
    track: Track = silently,
) -> tuple[Evaluation, ReferenceSet]:
    """The pictures of a folder as a set beside those of another or of a file, each as it is; and that other set.

    Nothing is cut, and the feature network resizes. Nothing is written.
    """
    network = feature_network(features, {})
    own, real = folder_set(folder, network, track=track), _real(against, network, track)
    sets = Sets(NO_PIXELS, None, own.vectors, None, real, seed=seed, force=force, ways=WAYS_OF_FOLDERS)
    compared = compared_vectors(sets, network)
    protocol = {"data": folder.name, "split": "all", "num": own.num, "against": dict(real.about), "seed": seed}
    note = f"{own.label} against {real.label}, as {network.name} sees them. All of it depends on n and on the network."
    rest = {"notes": (note,), "alert": compared.alert}
    return Evaluation(KIND, TITLE, protocol | of_the_code(), compared.figures, **rest), real


def _real(against: str, network: FeatureNetwork, track: Track) -> ReferenceSet:
    if Path(against).is_dir():
        return folder_set(Path(against), network, track=track)
    return saved_set(against, network, read=AS_THEY_ARE)
