"""`python -m diptych.runs.rank RENDEZVOUS`: a process of a run that the first process starts; it has its own log."""

import logging
import sys
import traceback

from diptych.runs.distributed.ranks import exit_with_parent
from diptych.runs.distributed.rendezvous import Rendezvous
from diptych.runs.lifecycle.signals import Pruned, Stopped


def main(text: str) -> int:
    """Train beside the first process; returns the exit code."""
    rendezvous = Rendezvous.from_json(text)
    exit_with_parent(rendezvous.parent)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    from diptych.runs.training import train_rank

    try:
        train_rank(rendezvous)
    except Stopped as stop:
        return stop.code
    except Pruned:
        return 0
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
