"""Notifications: a notice to people goes once, or it is shown that nobody knows.

What belongs here: the outbox of notices and whoever drains it, recipients, words, and the channels. What
does not: what an alert is about (alerts) and what a rule wants told (rules), which put notices into the
outbox.
"""
