"""The command line, `domiq-sync`.

What belongs here: options, exit codes, and in `views` what is printed. What does not: anything that
decides or stores, which is the engine's.
"""
