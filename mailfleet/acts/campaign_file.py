"""A campaign as its author writes it: one YAML file."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from db.campaigns import Plan, Step
from mailfleet.acts.refused import Refused
from mailfleet.policy.admission import CONTROL

LARGEST = 1 << 20  # bytes
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,30}$")]


def _one_line(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError("it has a line end or another control character: write it in one line")
    return value


def _writable(value: str) -> str:
    if "\0" in value:
        raise ValueError("it has a character that no text has (U+0000)")
    return value


Body = Annotated[str, Field(min_length=1), AfterValidator(_writable)]
Subject = Annotated[str, Field(max_length=1000), AfterValidator(_one_line)]


def _clock(value: object) -> object:
    """YAML reads an unquoted 10:00 as the number 600."""
    if not isinstance(value, str | time):
        raise ValueError('write the time in quotes: "09:00"')
    return value


Clock = Annotated[time, BeforeValidator(_clock)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Window(_Strict):
    """When letters may leave, in the lead's own time zone, Monday to Friday."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _opens(self) -> Window:
        if self.start >= self.end:
            raise ValueError("it must start before it ends, on the same day")
        return self


class StepFile(_Strict):
    """One letter. An empty subject of a follow-up means: as the first, with Re:."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
    after_days: Annotated[int, Field(ge=0, le=365)]
    subject: Subject
    text: Body
    html: Body


class CampaignFile(_Strict):
    """The whole file."""

    tenant: Slug
    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$")]
    direction: Slug
    window: Window
    daily_limit: Annotated[int, Field(gt=0, le=10_000_000)]
    ends_at: AwareDatetime
    steps: Annotated[list[StepFile], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _steps(self) -> CampaignFile:
        keys = [step.key for step in self.steps]
        if len(set(keys)) < len(keys):
            raise ValueError("two steps have the same key")
        if not self.steps[0].subject.strip():
            raise ValueError("the first step needs a subject")
        return self

    @property
    def name(self) -> str:
        return f"{self.tenant}/{self.slug}"

    @property
    def plan(self) -> Plan:
        """What the ledger keeps of it."""
        steps = (Step(step.key, step.after_days, step.subject, step.text, step.html) for step in self.steps)
        return Plan(self.window.start, self.window.end, self.daily_limit, self.ends_at, tuple(steps))


def read_campaign(file: Path) -> CampaignFile:
    """The campaign in a file. Raises Refused, one line that names the file and what is wrong."""
    try:
        if file.stat().st_size > LARGEST:
            raise Refused(f"{file}: is larger than {LARGEST} bytes: no campaign")
        return CampaignFile.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as problem:
        raise Refused(f"{file}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{file}: is not UTF-8 text") from None
    except RecursionError:
        raise Refused(f"{file}: is nested too deeply: no campaign") from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise Refused(f"{file}: {line}is not YAML: {getattr(problem, 'problem', problem)}") from None
    except ValidationError as problem:
        raise Refused(f"{file}: {_in_words(problem)}") from None


def _in_words(problem: ValidationError) -> str:
    first = problem.errors(include_input=False, include_url=False)[0]
    place = ".".join(f"{part + 1}" if isinstance(part, int) else part for part in first["loc"])
    return f"{place or 'campaign'}: {first['msg'].removeprefix('Value error, ')}"
