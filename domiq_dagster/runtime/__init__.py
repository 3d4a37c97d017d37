"""What runs around the sync: programs side by side, their home, and the files that are shipped.

What belongs here: processes and paths. What does not: databases, ResMan, and what the programs do.
"""
