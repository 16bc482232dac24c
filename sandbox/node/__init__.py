"""A sending node: a queueing hop that behaves, logs and reports as Postfix 3.7 with one try does."""
