"""The newest revision of the schema that this version knows, without Alembic, which is slow to import."""

from importlib.resources import files

_VERSIONS = files("domiq_dagster.db") / "migrations" / "versions"
HEAD = max(file.name[:4] for file in _VERSIONS.iterdir() if file.name[:4].isdigit())
