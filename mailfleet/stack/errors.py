"""What can go wrong with the local servers; each says in one line what to do."""

from mailfleet.acts.refused import Refused


class StackError(Refused):
    """The local servers cannot be had as asked."""


class StackHeldError(StackError):
    """Somebody else runs this clone's servers."""


class StackLostError(StackError):
    """The servers ended while they were in use."""
