"""The engine: the rules of keeping the two systems in step.

Its rooms are its packages. The modules beside them are two that use all rooms (`passes`, `dry_run`), and
the base, which every room may use. What does not belong here: how ResMan speaks (resman), how a database
is reached or set up (db), and Dagster.
"""
