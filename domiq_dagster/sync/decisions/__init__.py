"""Decisions: what to do about the two statuses of a linked lead, and doing it on DomIQ's side.

What belongs here: the cases and what each asks for, the transaction that applies ResMan's status or asks
for a push, conflicts as they are stored. What does not: who is linked with whom (linking), what is posted
to ResMan (delivery), and what people say about a conflict (repair).
"""
