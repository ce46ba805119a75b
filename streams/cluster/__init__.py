"""Kafka clusters: brokers on this machine, connections, topics, lag, dead letters, access."""
