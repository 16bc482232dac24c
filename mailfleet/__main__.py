"""`python -m mailfleet` is the command `mailfleet`."""

from mailfleet.cli.main import main

main()
