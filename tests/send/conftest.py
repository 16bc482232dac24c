"""The send path holds on every PostgreSQL there is."""

from tests.servers import cluster_url, ledger, template

__all__ = ["cluster_url", "ledger", "template"]
