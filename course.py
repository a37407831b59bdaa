#!/usr/bin/env python3
"""The course's one command: `python3 course.py course` (or `make course`). `help` lists the rest.

This file must run on any Python, so that a wrong one gets a sentence and not a traceback: what needs a newer one is in
scripts/.
"""

import sys

OLDEST = (3, 11)
NEWEST = (3, 13)

if not OLDEST <= sys.version_info[:2] <= NEWEST:
    # An f-string would be a syntax error on the very Pythons that this sentence is for.
    sentence = (
        "course: this is Python {}.{}, and the course needs 3.{} to 3.{}: install one and run it, e.g. python3.{} {}"
    )
    call = " ".join(["course.py"] + sys.argv[1:])  # noqa: RUF005
    sys.exit(sentence.format(sys.version_info[0], sys.version_info[1], OLDEST[1], NEWEST[1], NEWEST[1], call))

from scripts.commands import main  # noqa: E402  the check comes first

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
