"""What can be set, with its meaning, and how it is read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

REGIONS = frozenset({
    "AT", "AU", "BE", "CA", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "KZ", "NL", "NO", "PL", "PT", "SE", "US",
})  # fmt: skip
DatabaseUrl = Annotated[str, Field(pattern=r"^postgresql://\S+$")]


class SettingsRefused(Exception):
    """A setting is missing or wrong; the text names it and says what to do."""


class Settings(BaseModel):
    """Field names in upper case are the environment's names. Secrets are never printed."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: DatabaseUrl | None = Field(
        None, repr=False, description="Ledger, as role control (flows, command)."
    )
    database_owner_url: DatabaseUrl | None = Field(
        None, repr=False, description="Ledger, as its owner: migrations only."
    )
    database_tenant_url: DatabaseUrl | None = Field(None, repr=False, description="Ledger, as role tenant.")
    database_web_url: DatabaseUrl | None = Field(None, repr=False, description="Ledger, as role web.")
    database_node_url: DatabaseUrl | None = Field(
        None, repr=False, description="Ledger, as this node's own role."
    )
    role_prefix: str = Field(
        "mailfleet", pattern=r"^[a-z][a-z0-9_]{0,30}$", description="Prefix of the cluster's roles."
    )
    prefect_api_url: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Prefect's API, for demo, up and deploy."
    )
    encryption_keys: Path | None = Field(
        None, description="Key file that seals mailbox passwords and DKIM keys."
    )
    token_keys: Path | None = Field(None, description="Key file that signs ids and links.")
    hash_keys: Path | None = Field(None, description="Key file of the address hashes.")
    data_regions: frozenset[str] = Field(
        REGIONS,
        description="Countries whose people's data this installation may hold, comma separated.",
    )
    well_known_domains: frozenset[str] = Field(
        frozenset(),
        description="Domains beside the built-in ones of which a near miss is flagged as a likely typo.",
    )
    dns_servers: tuple[str, ...] = Field(
        (), description="host:port of resolvers, comma separated; empty: the system's."
    )
    maildir_root: Path | None = Field(
        None, description="Maildirs of bounce and sending domains, one folder a domain."
    )
    node_name: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", description="Which node this is."
    )
    node_state_dir: Path | None = Field(
        None, description="Where this node remembers the highest chunk it began."
    )
    postfix_log: Path | None = Field(None, description="This node's Postfix log.")
    postfix_bin_dir: Path = Field(Path("/usr/sbin"), description="Where postqueue and postsuper are.")
    postfix_config_dir: Path | None = Field(
        None, description="Postfix's configuration folder (-c), where not the default."
    )
    web_host: str = Field("127.0.0.1", description="Where the web service listens.")
    web_port: int = Field(8025, ge=1, le=65535, description="Its port.")
    mailfleet_actor: str | None = Field(
        None,
        pattern=r"^[^\x00-\x1f\x7f]{1,100}$",
        description="Who acts, for the audit; empty: the login name.",
    )
    slack_webhook_url: str | None = Field(
        None, pattern=r"^https?://\S+$", repr=False, description="Where alerts are posted."
    )

    @field_validator("data_regions", "dns_servers", "well_known_domains", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("data_regions")
    @classmethod
    def _countries(cls, value: frozenset[str]) -> frozenset[str]:
        if wrong := sorted(code for code in value if not re.fullmatch(r"[A-Z]{2}", code)):
            raise ValueError(f"not ISO 3166-1 country codes: {', '.join(wrong)}")
        return value

    @field_validator("dns_servers")
    @classmethod
    def _resolvers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [server for server in value if not _is_server(server)]:
            raise ValueError(f"not an IP address and a port (1 to 65535) as host:port: {', '.join(wrong)}")
        return value

    def need(self, name: str) -> object:
        """The value of `name`; SettingsRefused where it is not set."""
        value = getattr(self, name)
        if value is None:
            raise SettingsRefused(
                f"{name.upper()} is not set: set it, or {name.upper()}_FILE, in the environment"
            )
        return value

    def url(self, name: str) -> str:
        """A URL that must be set."""
        return str(self.need(name))

    def path(self, name: str) -> Path:
        """A path that must be set."""
        return Path(str(self.need(name)))


def _is_server(text: str) -> bool:
    host, _, port = text.rpartition(":")
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises SettingsRefused, one line, naming the variable."""
    environ = os.environ if environ is None else environ
    values = {field: text for field in Settings.model_fields if (text := _text(environ, field.upper()))}
    try:
        return Settings.model_validate(values)
    except ValidationError as refused:
        first = refused.errors(include_input=False, include_url=False)[0]
        raise SettingsRefused(f"{str(first['loc'][0]).upper()} is wrong: {first['msg']}") from None


def _text(environ: Mapping[str, str], name: str) -> str:
    if file := environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as problem:
            raise SettingsRefused(f"{name}_FILE is wrong: {problem.strerror}: {file}") from None
        except ValueError:  # bytes that are no UTF-8, or a NUL in the name
            raise SettingsRefused(f"{name}_FILE is wrong: it does not name a text file in UTF-8") from None
    return environ.get(name, "")
