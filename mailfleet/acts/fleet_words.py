"""What may be said of a new tenant, direction, domain, mailbox, node, egress: the shapes that are accepted."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mailfleet.acts.refused import Refused

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,30}$")]
Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
HostName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
Address = Annotated[
    str, Field(max_length=254, pattern=r"^[a-z0-9][a-z0-9._-]{0,63}@[a-z0-9][a-z0-9.-]*[a-z0-9]$")
]
Limit = Annotated[int, Field(ge=0, le=1_000_000)]
M = TypeVar("M", bound="Words")


class Words(BaseModel):
    """Nothing that is not named, nothing of the wrong kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NewTenant(Words):
    """Legal name and postal address may come later, but no campaign starts without them."""

    slug: Slug
    name: Line
    legal_name: Line | None = None
    postal_address: Line | None = None
    contact: Line | None = None
    privacy_url: Annotated[str, Field(pattern=r"^https://\S+$", max_length=300)] | None = None
    daily_limit: Limit = 20_000


class NewDirection(Words):
    """One line of outreach; the purpose is printed under every message of it."""

    slug: Slug
    name: Line
    purpose: Line


class NewDomain(Words):
    """A sending domain with the subdomain that bounces return to, and the host of its links."""

    name: HostName
    bounce_domain: HostName
    tracking_host: HostName
    hourly_limit: Limit = 500
    dkim_selector: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] = "mf1"


class NewMailbox(Words):
    """An address of one of the tenant's domains."""

    address: Address
    display_name: Line
    daily_limit: Limit
    hourly_limit: Limit


class NewNode(Words):
    """A sending host."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
    host: HostName


class NewEgress(Words):
    """A way out of a node: of one tenant, or shared by all."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")]
    node: str
    tenant: str | None = None
    kind: Literal["postfix", "submission"]
    host: HostName
    port: Annotated[int, Field(ge=1, le=65535)]
    helo: HostName
    tls: Literal["none", "starttls", "implicit"] = "none"
    connections: Annotated[int, Field(ge=1, le=100)] = 10
    daily_limit: Limit


def accepted(kind: type[M], values: object, about: str) -> M:
    """The values as `kind`. Raises Refused, one line that names what is wrong and where."""
    try:
        return kind.model_validate(values)
    except ValidationError as refused:
        first = refused.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{about}: {place or 'it'}: {first['msg']}") from None
