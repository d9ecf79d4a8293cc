"""Check configurations from standard input, in a process of its own: `python -c "… main()"`.

It reads a JSON list of configurations and writes a JSON list of messages, "" for one that could run.
"""

import json
import sys

from diptych.config import Config
from diptych.config.origin import is_message
from diptych.config.own_packages import find_own_packages
from diptych.runs.training import check


def main() -> None:
    """Write the messages as the last line."""
    find_own_packages()
    print(json.dumps([message_of(config) for config in json.load(sys.stdin)]))


def message_of(config: Config) -> str:
    """What a run of this configuration would be refused with; faults of programs are left to the run."""
    try:
        check(config)
    except Exception as error:
        return str(error) if is_message(error) else ""
    return ""
