"""Service: a worker that goes on, which pushes as soon as a change is committed.

What belongs here: what is begun when, and by which thread; sleeping and waking; what is counted and told of
it. Begin with `service.Service`. What does not: how one change is delivered (delivery), what rules and
notices do (rules, notifications), and how Dagster is told (service_reports).
"""
