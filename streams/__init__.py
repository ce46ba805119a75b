"""Livepool: who sold it, and who bought it, live."""
