"""The report: the figures of each day, what waits for a leasing manager, and the page that tells both.

What belongs here: counting days, collecting what the page shows, drawing it, and putting it into the outbox
for those who asked. What does not: sending a notice, and the figures that commands and checks show of the
moment (monitoring).
"""
