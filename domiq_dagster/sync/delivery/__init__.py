"""Delivery: one pending change after another is brought to ResMan, and how that ended is stored.

What belongs here: a push and its workers, which lead a change is about, what to post, the read-back that
tells whether it arrived, and what we know of a lead that we touched ourselves. What does not: claiming
and settling (queue), and how ResMan speaks (resman).
"""
