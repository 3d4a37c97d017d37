"""Channels: one message to the outside, and how that ended: delivered, refused, for later, or unknown.

What belongs here: reading the addresses of the environment, and a module for each service that is spoken
by ourselves. What does not: when a notice may go, and what is done after it failed (the outbox).
"""
