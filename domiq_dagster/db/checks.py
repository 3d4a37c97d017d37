"""Is this the right database, and may this role see it? Asked before anything is read or written."""

from __future__ import annotations

from sqlalchemy import Connection, text

from domiq_dagster.db.errors import BlindRole, NotMigrated, WrongDatabase

_TABLES_READ = (
    *("company", "property", "chatbot", "conversation", "message", "lead_notification", "user"),
    *("status_sync_log", "status_workflow_rules", "status_notification_preferences"),
)
_UUID_COLUMNS = """
SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('property', 'conversation', 'chatbot')
  AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype
  AND (a.attname <> 'id' OR EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indimmediate
      AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum))
"""
_THROUGH_CHATBOT = {"conversation.chatbot_id", "chatbot.id", "chatbot.property_id"}


def require_domiq_tables(connection: Connection) -> None:
    """Requires `property` and `conversation`, with ids as DomIQ has them, and that a conversation leads to
    its property, directly or through `chatbot`.

    Raises:
        WrongDatabase: it is not so.
    """
    missing = [
        name
        for name in ("property", "conversation")
        if connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"public.{name}"}) is None
    ]
    if missing:
        raise WrongDatabase(
            f"The database has no table {' and no table '.join(missing)} in schema public: "
            "point DOMIQ_DATABASE_URL at DomIQ's own database."
        )
    uuids = set(connection.scalars(text(_UUID_COLUMNS)))
    other = [name for name in ("property", "conversation") if f"{name}.id" not in uuids]
    if other:
        raise WrongDatabase(
            f"The id of table {' and of table '.join(other)} is no UUID that the sync's tables can refer to: "
            "point DOMIQ_DATABASE_URL at DomIQ's own database."
        )
    if "conversation.property_id" not in uuids and not uuids >= _THROUGH_CHATBOT:
        raise WrongDatabase(
            "A conversation does not lead to its property here: conversation has no column property_id, "
            "nor does its chatbot_id lead to a table chatbot with one; add either."
        )


def refuse_blind_role(connection: Connection) -> None:
    """Refuses a role from which row-level security would hide rows of DomIQ's tables: it would see an empty
    database, and that must not be taken for the truth.

    Raises:
        BlindRole: it applies to this role.
    """
    blinded = connection.scalars(
        text(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
            "AND c.relkind IN ('r', 'p') AND c.relname = ANY (:tables) AND row_security_active(c.oid) "
            "ORDER BY 1"
        ),
        {"tables": list(_TABLES_READ)},
    ).all()
    if blinded:
        role = connection.scalar(text("SELECT current_user"))
        raise BlindRole(
            f'Row-level security hides rows of {", ".join(blinded)} from role "{role}": connect as the '
            f'tables\' owner, or let a superuser run: ALTER ROLE "{role}" BYPASSRLS.'
        )


def require_migrated(connection: Connection, head: str) -> None:
    """Requires the machinery at revision `head`.

    Raises:
        NotMigrated: it is not there, or at another revision: an older one, or that of a newer version.
    """
    present = connection.scalar(text("SELECT to_regclass('domiq_sync.alembic_version') IS NOT NULL"))
    revision = (
        connection.scalar(text("SELECT version_num FROM domiq_sync.alembic_version")) if present else None
    )
    if revision is not None and revision > head:
        raise NotMigrated(
            f"The sync's tables are at revision {revision} in this database, and this version knows them up "
            f"to {head}: start the version of domiq-dagster that migrated it, or a newer one."
        )
    if revision != head:
        state = f"at revision {revision}" if revision else "not set up"
        raise NotMigrated(
            f"The sync's tables are {state} in this database, this version needs {head}: "
            "run `domiq-sync migrate`."
        )
