"""Repair: what the ordinary way missed is found and mended, and what people decide is carried out.

What belongs here: reconciliation, retries of failed changes, deciding a conflict or a link by hand. What
does not: what a decision comes to (decisions), and what is only shown (monitoring).
"""
