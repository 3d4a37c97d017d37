"""What can be wrong with the database that a user points us at: one clear sentence each."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, PendingRollbackError

_CANNOT_RECONNECT = "8s2b"
"""SQLAlchemy's code of what each further statement on a lost session ends in, until a rollback."""


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


class UnsuitableEncoding(DatabaseError):
    """The database's encoding says nothing reliable about its text."""


class UnsuitablePooler(DatabaseError):
    """A pooler gives our session to others, or has too few for us."""


def is_lost_session(error: BaseException) -> bool:
    """Whether an error says that its database session is gone, be it that an earlier statement found out."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, PendingRollbackError) and error.code == _CANNOT_RECONNECT
