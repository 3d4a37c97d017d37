"""The machinery's triggers: which are disabled, and whether the status of conversations is captured."""

from __future__ import annotations

from sqlalchemy import Connection, text

_DISABLED = text("""
SELECT t.tgname || ' on ' || t.tgrelid::regclass FROM pg_trigger t
JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'domiq_sync' AND t.tgenabled NOT IN ('O', 'A')""")
_CAPTURING = text("""
SELECT count(*) = 2 FROM pg_trigger t
WHERE t.tgrelid = 'public.conversation'::regclass AND t.tgenabled IN ('O', 'A')
  AND t.tgname IN ('domiq_sync_capture_insert', 'domiq_sync_capture_update')
  AND EXISTS (SELECT FROM pg_attribute a
              WHERE a.attrelid = t.tgrelid AND a.attname = 'status' AND NOT a.attisdropped)""")


def disabled_triggers(connection: Connection) -> set[str]:
    """The machinery's triggers that do not fire, each with its table."""
    return set(connection.scalars(_DISABLED))


def captures(connection: Connection) -> bool:
    """Whether both triggers on conversation fire, and there is a status for them to see."""
    return bool(connection.scalar(_CAPTURING))
