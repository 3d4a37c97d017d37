"""The chaos run: real worker processes, the database and the stand-in, all of them disturbed at random while
changes are made; then a verdict on whether anything was lost, doubled, misordered or left held.

`python -m tests.chaos.run` from the root of the repository; `make chaos` runs it in full.
"""
