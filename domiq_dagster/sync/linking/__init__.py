"""Linking: which ResMan prospect a conversation belongs to.

What belongs here: recognising people, lead links with the pair of statuses last agreed, and the link
reviews that a person must decide. Nobody else writes lead_link. What does not: reading prospects (pull),
and what follows from two statuses (decisions).
"""
