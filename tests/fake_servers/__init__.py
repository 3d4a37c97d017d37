"""Servers on loopback that receive notices as the real ones would: what tests read is what a person reads."""
