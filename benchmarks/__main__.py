"""`python -m benchmarks` (`make bench`): every benchmark in turn, each in a process of its own, Markdown on stdout."""

import subprocess
import sys
from pathlib import Path

ORDER = (
    "dcgan_step",
    "gan_steps",
    "denoising_steps",
    "thousand_images",
    "attention_decoder",
    "caption_decoding",
    "thousand_captions",
    "self_critical",
    "beam_search",
    "feature_cache",
    "renderer",
    "judge",
    "judge_by_eye",
    "caption_metrics",
    "ptb_tokenizer",
    "frechet",
    "manifolds",
    "evaluate_time",
)


def main() -> int:
    """Run all; the exit code says whether every one ran to its end."""
    codes = []
    for name in ORDER:
        path = Path(__file__).parent / f"{name}.py"
        sys.stdout.write(f"\n## benchmarks/{path.name}\n\n")
        sys.stdout.flush()
        codes.append(subprocess.run([sys.executable, str(path)], check=False).returncode)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
