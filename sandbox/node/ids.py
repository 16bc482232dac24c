"""Postfix's long queue ids: time in base 52, a `z`, the inode in base 51."""

from itertools import count

DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"  # no vowels: no words
FIRST_INODE = 262_147


def spelled(number: int, base: int, width: int) -> str:
    """A number in these digits, at least so wide."""
    text = ""
    while number or len(text) < width:
        number, digit = divmod(number, base)
        text = DIGITS[digit] + text
    return text


class QueueIds:
    """Gives ids that no other message of this node has or had."""

    def __init__(self) -> None:
        self._inodes = count(FIRST_INODE)

    def next(self, at: float) -> str:
        seconds, fraction = divmod(at, 1)
        time = spelled(int(seconds), 52, 6) + spelled(int(fraction * 1e6), 52, 4)
        return f"{time}z{spelled(next(self._inodes), 51, 1)}"
