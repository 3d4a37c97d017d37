"""The database: reaching it, looking whether it is the right one, migrating it; and an embedded server.

What belongs here: engines, sessions, locks, rows and queries as such. What does not: the rules of
synchronising, and anything of ResMan.
"""
