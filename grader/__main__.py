"""``python -m grader``, or ``grader`` where the course is installed: grade a class."""

from __future__ import annotations

import sys

from grader import cli
from podwalk.errors import PodwalkError


def main() -> None:
    """Run a command; a fault is one line on standard error."""
    try:
        cli.main(prog_name="grader")
    except PodwalkError as error:
        sys.exit(f"grader: {error}")


if __name__ == "__main__":
    main()
