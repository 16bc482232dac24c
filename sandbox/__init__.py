"""A small internet on loopback: names, receivers, sending nodes and people who answer."""
