"""What an act says when it cannot do what it was asked: one line, with what to do."""


class Refused(Exception):
    """The request was wrong or cannot be met; nothing was changed."""
