"""A local server that speaks ResMan's wire (v1 forms and MITS XML, v2 JSON), with faults on demand.

What belongs here: a stateful stand-in written from the public facts about ResMan, and the controls under
`/_standin/` by which tests and demos steer it. What does not: anything of the client. The two share no code,
so that a misunderstanding in one shows in the other. Start it with `python -m domiq_dagster.resman.standin`,
or call `domiq_dagster.resman.standin.app.serve`.
"""
