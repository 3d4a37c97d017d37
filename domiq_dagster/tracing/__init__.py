"""Traces: what becomes of each change on its way to ResMan, for a collector of OpenTelemetry's.

What belongs here: the spans, their ids, and sending them off. What does not: what a change is, and when it is
tried.
"""
