"""What a served cluster remembers across ``kill -9``: every write, in SQLite, before it is answered."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from podwalk.errors import PodwalkError
from podwalk.types import Change, Object

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT, namespace TEXT, name TEXT, object TEXT, PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


class Journal:
    """The objects of one cluster in a file.

    SQLite was chosen over a log of our own: its write-ahead log already survives a killed process, and it compacts
    itself.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            PodwalkError: when it cannot be read; it says how to start anew.
        """
        self.path = path
        self._pending: dict[tuple[str, str, str], Object | None] = {}
        self._revision = 0
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise PodwalkError(
                f"{path}: the cluster's state cannot be read ({error}); `podwalk reset` starts anew"
            ) from error

    def load(self) -> tuple[list[tuple[str, Object]], int] | None:
        """Return the objects and the revision to go on from; None from a new file."""
        row = self._db.execute("SELECT value FROM facts WHERE name = 'revision'").fetchone()
        if row is None:
            return None
        objects = [
            (resource, json.loads(text)) for resource, text in self._db.execute("SELECT resource, object FROM objects")
        ]
        return objects, int(row[0])

    def note(self, change: Change) -> None:
        """Take down a change; :meth:`commit` makes it durable."""
        metadata = change.object["metadata"]
        key = (change.resource, metadata.get("namespace", ""), metadata["name"])
        self._pending[key] = None if change.type == "DELETED" else change.object
        self._revision = change.revision

    def commit(self) -> None:
        """Make everything noted durable, in one transaction.

        Raises:
            PodwalkError: when the disk refuses.
        """
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        gone = [key for key, obj in pending.items() if obj is None]
        kept = [(*key, json.dumps(obj, separators=(",", ":"))) for key, obj in pending.items() if obj is not None]
        try:
            self._db.execute("BEGIN")
            self._db.executemany("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", gone)
            self._db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", kept)
            self._db.execute("INSERT OR REPLACE INTO facts VALUES ('revision', ?)", (str(self._revision),))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._pending = {**pending, **self._pending}
            raise PodwalkError(
                f"{self.path}: the cluster's state cannot be written ({error}); is the disk full?"
            ) from error

    def close(self) -> None:
        """Commit and close."""
        self.commit()
        self._db.close()
