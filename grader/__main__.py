"""``python -m grader``: grade a class."""

from __future__ import annotations

import sys

from grader.cli import main
from podwalk.errors import PodwalkError

if __name__ == "__main__":
    try:
        main(prog_name="grader")
    except PodwalkError as error:
        sys.exit(f"grader: {error}")
