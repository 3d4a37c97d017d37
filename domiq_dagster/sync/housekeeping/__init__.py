"""Housekeeping: what is old goes, in small steps; what is to be forgotten about a person is erased.

What belongs here: how long each thing is kept, the order in which it goes, and which rooms hold something of
a person. What does not: deleting or changing a row, which is the owning room's, and Dagster's own records.
"""
