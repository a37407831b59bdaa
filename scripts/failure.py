"""What went wrong, in one line with its remedy: the only way in which a command of the course ends badly."""

import errno
import shutil
from pathlib import Path

DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
# Windows' ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
WINDOWS_DISK_FULL = {39, 112}


class CourseError(Exception):
    """A failure that the reader can mend: the message says how."""


def is_disk_full(error: OSError) -> bool:
    """Say whether the system refused to write because there is no room."""
    return error.errno in DISK_FULL or getattr(error, "winerror", None) in WINDOWS_DISK_FULL


def disk_full(place: Path) -> CourseError:
    """Make the error of a full disk, with what is left on it."""
    free_mb = shutil.disk_usage(place).free // 1_000_000
    return CourseError(
        f"the disk is full ({free_mb} MB free at {place}): free some space and run the same command again"
    )
