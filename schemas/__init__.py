"""The contract of Livepool: event types, topics, codec (spec §1-§6)."""

import sys

# Integers of the contract have no upper bound but the 64 KiB of an event, and sums of them go a little beyond.
# Python's own bound (4,300 digits) guards against texts of many megabytes, which do not get here.
sys.set_int_max_str_digits(0)
