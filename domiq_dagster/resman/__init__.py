"""The wire to ResMan: client, MITS XML, typed models, named errors.

What belongs here: everything that knows how ResMan speaks. What does not: anything that knows
the database, the rules of synchronising, or Dagster.
"""
