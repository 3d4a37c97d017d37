"""Setup: a property is connected, and one is told whether everything is in place.

What belongs here: what ResMan grants and offers, settings and how open ones are filled, the doctor's
questions. What does not: addresses and credentials (wiring), and the schema (db).
"""
