"""Faults on real brokers: what is acknowledged is processed exactly once, whatever dies (spec §8).

Each case sends a show with repeats, disorder and poison to a cluster, breaks something while it is processed, and
then compares all that came out with what went in (`verdict`). `make faults` runs the cases and writes a table.
"""
