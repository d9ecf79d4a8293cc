"""Execute every notebook against a demo on a smoke budget; nothing of theirs is kept. `make notebooks` runs this."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
SECONDS_A_CELL = 1_200
IMAGES = 400
"""What a notebook that trains sees in place of its own budget."""


def main() -> None:
    """Train the smallest demo in a temporary folder, then run the notebooks on its runs."""
    with tempfile.TemporaryDirectory() as outputs:
        environment = {**os.environ, "DIPTYCH_OUTPUTS": outputs, "WANDB_MODE": "offline"}
        subprocess.run([sys.executable, "-m", "diptych", "demo", "--budget", "smoke"], env=environment, check=True)
        for path in sorted(FOLDER.glob("*.ipynb")):
            execute(path, Path(outputs))
            sys.stdout.write(f"executed {path.name}\n")


def execute(path: Path, outputs: Path) -> nbformat.NotebookNode:
    """Run a copy of the notebook on the runs in `outputs`; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=SECONDS_A_CELL, resources={"metadata": {"path": str(FOLDER)}})
    smoke = {"DIPTYCH_OUTPUTS": str(outputs), "DIPTYCH_NOTEBOOK_IMAGES": str(IMAGES)}
    return client.execute(env={**os.environ, **smoke})


if __name__ == "__main__":
    main()
