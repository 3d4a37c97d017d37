"""The made-up world of the demo: DomIQ's side of it, and what its people do between two syncs.

What belongs here: making the world up, stirring it, and the commands demo and dev. Everything is derived from
one seed and from the state of the stand-in, so the same two give the same world. What does not: anything that
the sync itself uses.
"""

from domiq_dagster.demo.connect import Connection, connect_all, connections
from domiq_dagster.demo.edits import Stirred, stir
from domiq_dagster.demo.world import WorldNotEmpty, WorldSummary, load_world

__all__ = [
    "Connection",
    "Stirred",
    "WorldNotEmpty",
    "WorldSummary",
    "connect_all",
    "connections",
    "load_world",
    "stir",
]
