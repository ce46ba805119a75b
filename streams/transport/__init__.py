"""Faust transports that deliver record batches: `embedded://`."""
