"""What an asset says of itself in Dagster's catalogue beyond what it does: whose it is, which table stands
behind it, where it is written and where it is explained. Its group, kinds and tags each asset states itself.

Its description says four things, a paragraph each: what it is, where it comes from, what red means (or that
nothing turns red), and what to do then. Dagster shows it beside the graph; `docs/dagster.md` has more.

The tags, for whoever selects assets (`tag:writes_to=resman`):
  direction  inbound (from ResMan), outbound (to ResMan), both
  writes_to  what materialising it writes to: domiq, resman, people, domiq_sync (the machinery's own tables)
             or nothing
"""

import os
import warnings
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from domiq_dagster.assets.table_schemas import COMMENTS, SCHEMAS

# Code references are beta, and only show.
warnings.filterwarnings("ignore", message=".*(code_references|CodeReference)", category=dg.BetaWarning)

EACH_DAY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=26))
"""Of what the nightly full re-read marks at the latest, whatever happened before: two hours late is stale."""
AFTER_MIDNIGHT = dg.FreshnessPolicy.cron(deadline_cron="0 1 * * *", lower_bound_delta=timedelta(hours=1))
"""Of what is made a quarter past midnight, UTC."""
OWNERS = ["team:lead-sync"]
"""Whom to ask about the sync's own assets. DomIQ's and ResMan's have teams of their own, see `sources`."""


def stored_in(table: str) -> dict[str, Any]:
    """The metadata of an asset behind which a table or view stands.

    Args:
        table: its name with its schema, one of SCHEMAS. The database's own name is the environment's matter.
    """
    comment = {"database_comment": COMMENTS[table]} if table in COMMENTS else {}
    return {"dagster/table_name": table, "dagster/column_schema": SCHEMAS[table], **comment}


def explained_in(
    section: str, page: str = "dagster", env: Mapping[str, str] = os.environ
) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata that names where the documents tell of an asset: a link, where DOMIQ_DOCS_URL says where
    the site of `make docs` is served; else the path in the repository.

    Args:
        section: the anchor of a heading of the page.
        page: the name of a file of `docs/`, without its end.
    """
    site = env.get("DOMIQ_DOCS_URL", "").strip()
    if site.startswith(("https://", "http://")):
        return {"docs": dg.MetadataValue.url(f"{site.rstrip('/')}/{page}.html#{section}")}
    return {"docs": dg.MetadataValue.text(f"docs/{page}.md#{section}")}


def written_in(file: str) -> dict[str, Any]:
    """The metadata of an asset without a function, by which Dagster would find its code.

    Args:
        file: `__file__` of the module that states it.
    """
    where = dg.LocalFileCodeReference(file_path=file)
    return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[where])}
