"""One logging filter that masks mail addresses, and passwords in URLs, whoever wrote the line (law 13)."""

from __future__ import annotations

import logging
import re

_ADDRESS = re.compile(r"[^\s<>\"'(),;:=\[\]{}|\\]+@[\w-]+(?:\.[\w-]+)+")
_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]*@")


def mask(line: str) -> str:
    """The line without addresses and without passwords of URLs."""
    return _ADDRESS.sub("<address>", _PASSWORD.sub(r"\1:<secret>@", line))


class Masking(logging.Filter):
    """Masks message and traceback of every record. It belongs on handlers: no logger goes around them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: nothing is lost, it is only masked."""
        record.msg, record.args = mask(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = mask(record.exc_text)
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True


def install(*loggers: str) -> None:
    """Puts the filter on every handler of the root logger and of the loggers named, once."""
    for logger in (logging.getLogger(), *map(logging.getLogger, loggers)):
        for handler in logger.handlers:
            if not any(isinstance(present, Masking) for present in handler.filters):
                handler.addFilter(Masking())
