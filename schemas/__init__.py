"""The contract of Livepool: event types, topics, codec (spec §1-§6)."""
