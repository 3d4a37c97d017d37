"""Alerts: people are told once when something turns bad, and once when it is well again.

What belongs here: reading how properties and accounts look, finding the cause that several share, the
incident of each, its words, and replaying thresholds over the past. What does not: the figures themselves
(monitoring), and how a message goes out (notifications).
"""
