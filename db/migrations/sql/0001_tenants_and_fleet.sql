-- Who we work for, and what we send with. Every key of a tenant's row starts with tenant_id, so that a
-- foreign key can never lead into another tenant.

CREATE SCHEMA IF NOT EXISTS mailfleet;

-- The business clock (law 12). Outside a demo it is the wall clock and nothing can move it.
CREATE TABLE mailfleet.clock (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    demo         boolean NOT NULL,
    business_at  timestamptz,
    wall_at      timestamptz,
    CONSTRAINT only_a_demo_has_an_anchor
        CHECK (demo = (business_at IS NOT NULL) AND demo = (wall_at IS NOT NULL))
);

CREATE FUNCTION mailfleet.business_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN demo THEN business_at + (clock_timestamp() - wall_at) ELSE clock_timestamp() END
      FROM mailfleet.clock
$$;

CREATE FUNCTION mailfleet.guard_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NOT OLD.demo OR NOT NEW.demo THEN
        RAISE EXCEPTION 'the business clock of this database is the wall clock and cannot be moved';
    END IF;
    IF NEW.business_at - (NEW.wall_at - OLD.wall_at) < OLD.business_at THEN
        RAISE EXCEPTION 'the business clock moves forward only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_clock BEFORE UPDATE OR DELETE ON mailfleet.clock
    FOR EACH ROW EXECUTE FUNCTION mailfleet.guard_clock();

-- After a restore from a backup everything is held until the nodes' logs were reconciled.
CREATE TABLE mailfleet.ledger_epoch (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch   int NOT NULL DEFAULT 1,
    state   text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'holding')),
    since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason  text NOT NULL DEFAULT 'new ledger'
);
INSERT INTO mailfleet.ledger_epoch DEFAULT VALUES;

CREATE TABLE mailfleet.tenants (
    tenant_id       int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    slug            text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,30}$'),
    name            text NOT NULL,
    legal_name      text,              -- NULL: no campaign of this tenant can start (law 5)
    postal_address  text,
    contact         text,
    privacy_url     text,
    daily_limit     int NOT NULL DEFAULT 20000 CHECK (daily_limit >= 0),
    data_key        bytea,             -- the tenant's data key, wrapped by the installation's key
    data_key_id     smallint,          -- which installation key wraps it
    created_at      timestamptz NOT NULL
);

CREATE TABLE mailfleet.directions (
    tenant_id     int NOT NULL REFERENCES mailfleet.tenants,
    direction_id  int GENERATED ALWAYS AS IDENTITY,
    slug          text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,30}$'),
    name          text NOT NULL,
    purpose       text NOT NULL,       -- rendered in the footer: what the data is used for
    PRIMARY KEY (tenant_id, direction_id),
    UNIQUE (tenant_id, slug)
);

CREATE TABLE mailfleet.domains (
    tenant_id       int NOT NULL REFERENCES mailfleet.tenants,
    domain_id       int GENERATED ALWAYS AS IDENTITY,
    name            text NOT NULL UNIQUE,
    bounce_domain   text NOT NULL UNIQUE,  -- VERP return paths
    tracking_host   text NOT NULL,         -- https://<tracking_host>/u/<token>
    hourly_limit    int NOT NULL DEFAULT 500 CHECK (hourly_limit >= 0),
    dkim_selector   text NOT NULL,
    dkim_key        bytea NOT NULL,        -- PKCS8 DER, sealed with the tenant's data key
    PRIMARY KEY (tenant_id, domain_id)
);

CREATE TABLE mailfleet.mailboxes (
    tenant_id     int NOT NULL,
    mailbox_id    int GENERATED ALWAYS AS IDENTITY,
    domain_id     int NOT NULL,
    direction_id  int NOT NULL,
    address       text NOT NULL UNIQUE,
    display_name  text NOT NULL,
    daily_limit   int NOT NULL CHECK (daily_limit >= 0),
    hourly_limit  int NOT NULL CHECK (hourly_limit >= 0),
    PRIMARY KEY (tenant_id, mailbox_id),
    FOREIGN KEY (tenant_id, domain_id) REFERENCES mailfleet.domains,
    FOREIGN KEY (tenant_id, direction_id) REFERENCES mailfleet.directions
);

-- Hosts are shared by all tenants. Each node logs in as its own role; its policies read current_user.
CREATE TABLE mailfleet.nodes (
    node_id    int PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name       text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,30}$'),
    role_name  text NOT NULL UNIQUE,
    host       text NOT NULL
);

CREATE FUNCTION mailfleet.my_node() RETURNS int LANGUAGE sql STABLE AS $$
    SELECT node_id FROM mailfleet.nodes WHERE role_name = current_user
$$;

-- A way out with its own reputation: one tenant's, or shared (owner_id 0).
CREATE TABLE mailfleet.egresses (
    owner_id     int NOT NULL DEFAULT 0 CHECK (owner_id >= 0),
    egress_id    int NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY,
    node_id      int NOT NULL REFERENCES mailfleet.nodes,
    name         text NOT NULL UNIQUE,
    kind         text NOT NULL CHECK (kind IN (
        'postfix',      -- a listener of the node's own Postfix: it queues, logs and tries once
        'submission')), -- a mailbox provider's submission host: its 250 is the last word we hear
    host         text NOT NULL,
    port         int NOT NULL CHECK (port BETWEEN 1 AND 65535),
    helo         text NOT NULL,
    tls          text NOT NULL DEFAULT 'none' CHECK (tls IN ('none', 'starttls', 'implicit')),
    connections  int NOT NULL DEFAULT 10 CHECK (connections BETWEEN 1 AND 100),
    daily_limit  int NOT NULL CHECK (daily_limit >= 0),
    PRIMARY KEY (owner_id, egress_id),
    UNIQUE (node_id, egress_id)
);

-- Which egress a mailbox leaves by: position 1 first, the rest only when what is before it failed technically.
CREATE TABLE mailfleet.routes (
    tenant_id     int NOT NULL,
    mailbox_id    int NOT NULL,
    position      int NOT NULL CHECK (position >= 1),
    egress_owner  int NOT NULL,
    egress_id     int NOT NULL,
    PRIMARY KEY (tenant_id, mailbox_id, position),
    UNIQUE (tenant_id, mailbox_id, egress_id),
    FOREIGN KEY (tenant_id, mailbox_id) REFERENCES mailfleet.mailboxes,
    FOREIGN KEY (egress_owner, egress_id) REFERENCES mailfleet.egresses (owner_id, egress_id),
    CONSTRAINT own_or_shared_egress CHECK (egress_owner IN (0, tenant_id))
);
