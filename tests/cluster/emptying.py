"""What tests before have left on brokers is removed."""

import time

from kafka import KafkaAdminClient


def delete_topics(admin: KafkaAdminClient) -> None:
    """All but those of Kafka itself."""
    while topics := [name for name in admin.list_topics() if not name.startswith("__")]:
        admin.delete_topics(topics, raise_errors=False)  # brokers list them a moment longer
        time.sleep(0.02)


def delete_groups(admin: KafkaAdminClient) -> None:
    """All that have no member any more."""
    # A coordinator that has just been made is not ready at once.
    while groups := [group["group_id"] for group in admin.list_groups()]:
        admin.delete_groups(groups)
        time.sleep(0.02)
