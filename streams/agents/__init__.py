"""The agents: each a loop that folds record batches through the core."""
