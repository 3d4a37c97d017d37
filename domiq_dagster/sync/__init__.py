"""The engine: the rules of keeping the two systems in step.

What belongs here: deciding, claiming, sending, settling, pulling, linking, reconciling, measuring.
What does not: how ResMan speaks (resman), how a database is reached or set up (db), and Dagster.
"""
