"""Plain functions where rules, formats, state and network meet."""
