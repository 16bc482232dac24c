"""One logging filter that masks mail addresses, and passwords in URLs, whoever wrote the line (law 13)."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

_ADDRESS = re.compile(r"[^\s<>\"'(),;:=\[\]{}|\\]+@[\w-]+(?:\.[\w-]+)+")
_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]*@")


def mask(line: str) -> str:
    """The line without addresses and without passwords of URLs."""
    return _ADDRESS.sub("<address>", _PASSWORD.sub(r"\1:<secret>@", line))


class Masking(logging.Filter):
    """Masks the message and the traceback of a record."""

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


@dataclass(frozen=True)
class MaskedRecords:
    """Makes records as they were made before, and masks each."""

    inner: Callable[..., logging.LogRecord]
    masking: Masking = field(default_factory=Masking)

    def __call__(self, *words: object, **named: object) -> logging.LogRecord:
        record = self.inner(*words, **named)
        self.masking.filter(record)
        return record


def install() -> None:
    """From now on every record of this process is masked as it is made: no handler, of whichever library and
    whenever it is added, goes around it.
    """
    made_by = logging.getLogRecordFactory()
    if not isinstance(made_by, MaskedRecords):
        logging.setLogRecordFactory(MaskedRecords(made_by))
