"""One run at a time in one clone: two would install over each other.

The system holds the lock, not the file's existence: it is gone with the process, however that ended, so a lock cannot
be stale. The file holds the process id for the one who is turned away.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.failure import CourseError

if sys.platform == "win32":
    import msvcrt

    # Windows refuses others to read what is locked, so a byte far behind the process id is.
    LOCKED_BYTE = 1 << 20

    def seize(descriptor: int) -> None:
        """Take the lock or raise OSError."""
        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def seize(descriptor: int) -> None:
        """Take the lock or raise OSError."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def only_run(path: Path) -> Iterator[None]:
    """Hold the lock file while the body runs.

    Raises:
        CourseError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            seize(descriptor)
        except OSError as error:
            owner = path.read_text(encoding="ascii").strip() or "unknown"
            raise CourseError(
                f"another run is under way here (process {owner}): wait for it, or stop it with Ctrl-C in its terminal"
            ) from error
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        yield
    finally:
        os.close(descriptor)
