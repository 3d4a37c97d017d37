"""Pull: a property's prospects are read, compared, and stored together with the watermark.

What belongs here: how far back to ask, windows where an answer is too large, staging, prospects that
cannot be read and prospects that are gone. What does not: how an answer is taken apart (resman), who is
who (linking), and what the news means for DomIQ (decisions).
"""
