"""What comes back after a letter was accepted."""
