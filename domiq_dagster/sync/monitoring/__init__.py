"""Monitoring: how things stand, as the tables tell it.

What belongs here: figures, the backlog, divergence, gaps in the pulls, the story of a change. What does
not: anything that changes a lead or the queue, and who is told of trouble (alerts).
"""
