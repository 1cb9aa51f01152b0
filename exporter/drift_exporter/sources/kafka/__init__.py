"""Topics of Kafka, read as a member of a consumer group."""
