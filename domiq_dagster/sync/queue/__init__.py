"""Queue: deliveries and changes, and every write to these two tables.

What belongs here: writing the log of changes, claiming under a lease, keeping, postponing and settling,
the order within a conversation, and the marks of what was looked at. What does not: why. Delivery,
decisions, rules and repair know, and call these functions in their own transactions.
"""
