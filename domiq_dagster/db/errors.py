"""What can be wrong with the database that a user points us at: one clear sentence each."""

from __future__ import annotations


class DatabaseError(Exception):
    """Base of every error about the database itself; its text says what is wrong and what to do."""


class DatabaseUnavailable(DatabaseError):
    """The URL cannot be read, or nothing answers there."""


class WrongDatabase(DatabaseError):
    """A table or column that the sync needs is missing."""


class BlindRole(DatabaseError):
    """Row-level security hides DomIQ's rows from this role."""


class NotMigrated(DatabaseError):
    """The machinery's schema is missing or older than this version."""
