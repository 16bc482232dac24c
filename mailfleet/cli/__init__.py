"""The operator's command: one module for each noun."""
