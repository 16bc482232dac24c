-- Made by `python -m db.schema` from db/migrations/sql; a test compares. @owner@, @control@, @tenant@, @web@ and
-- @nodes@ stand for this installation's roles. To read; a database is made by `mailfleet migrate`.

-- 0001_tenants_and_fleet

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

-- 0002_leads_and_campaigns

-- To whom, why we may, and what we mean to say.

CREATE TABLE mailfleet.imports (
    tenant_id     int NOT NULL,
    import_id     bigint GENERATED ALWAYS AS IDENTITY,
    direction_id  int,                 -- NULL: the file names the direction in each row
    file_name     text NOT NULL,
    file_sha256   bytea NOT NULL,
    encoding      text NOT NULL,
    delimiter     text NOT NULL,
    rows          int NOT NULL,
    accepted      int NOT NULL CHECK (accepted >= 0),  -- known ones included
    known         int NOT NULL CHECK (known BETWEEN 0 AND accepted),
    refused       int NOT NULL CHECK (refused >= 0),
    actor         text NOT NULL,
    taken_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, import_id),
    FOREIGN KEY (tenant_id, direction_id) REFERENCES mailfleet.directions,
    CONSTRAINT books_balance CHECK (rows = accepted + refused)
);

-- Of a row we may not keep: where it stood, why, and a keyed hash to answer "why not this person?".
CREATE TABLE mailfleet.refused_rows (
    tenant_id     int NOT NULL,
    import_id     bigint NOT NULL,
    line          int NOT NULL CHECK (line >= 1),
    reason        text NOT NULL CHECK (reason IN ('no_address', 'bad_syntax', 'no_mx', 'null_mx', 'disposable',
                      'no_basis', 'region', 'suppressed', 'duplicate', 'control_characters')),
    address_hash  bytea,               -- NULL where the row held no address
    PRIMARY KEY (tenant_id, import_id, line),
    FOREIGN KEY (tenant_id, import_id) REFERENCES mailfleet.imports
);
CREATE INDEX refused_rows_address ON mailfleet.refused_rows (address_hash);

CREATE TABLE mailfleet.leads (
    tenant_id      int NOT NULL,
    lead_id        bigint GENERATED ALWAYS AS IDENTITY,
    direction_id   int NOT NULL,
    import_id      bigint NOT NULL,    -- the file that brought the person first
    person_hash    bytea NOT NULL CHECK (octet_length(person_hash) = 16),
    address_hash   bytea NOT NULL CHECK (octet_length(address_hash) = 16),
    hash_key_id    smallint NOT NULL,
    address        text NOT NULL CHECK (address !~ '[[:cntrl:][:space:]]'),
    domain         text NOT NULL,      -- A-label, lower case
    receiver       text NOT NULL,      -- the recipient's mail system, by MX
    flags          text[] NOT NULL DEFAULT '{}',  -- role, typo, dns_unknown
    given_name     text NOT NULL DEFAULT '',
    family_name    text NOT NULL DEFAULT '',
    company        text NOT NULL DEFAULT '',
    country        text NOT NULL,      -- ISO 3166-1, the jurisdiction after the stricter-only rules
    language       text NOT NULL,
    time_zone      text NOT NULL,
    basis          text NOT NULL,      -- why we may write (law 5), with its evidence
    basis_source   text NOT NULL,
    basis_at       date NOT NULL,
    variables      jsonb NOT NULL DEFAULT '{}',
    taken_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, lead_id),
    UNIQUE (tenant_id, person_hash),
    FOREIGN KEY (tenant_id, direction_id) REFERENCES mailfleet.directions,
    FOREIGN KEY (tenant_id, import_id) REFERENCES mailfleet.imports,
    CONSTRAINT no_control_characters CHECK (
        (given_name || family_name || company || basis_source) !~ '[[:cntrl:]]')
);
CREATE INDEX leads_address ON mailfleet.leads (address_hash);

CREATE TABLE mailfleet.campaigns (
    tenant_id     int NOT NULL,
    campaign_id   bigint GENERATED ALWAYS AS IDENTITY,
    slug          text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,40}$'),
    direction_id  int NOT NULL,
    approved      int,                 -- the version that sends; NULL: a draft
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, campaign_id),
    UNIQUE (tenant_id, slug),
    FOREIGN KEY (tenant_id, direction_id) REFERENCES mailfleet.directions
);

CREATE TABLE mailfleet.campaign_versions (
    tenant_id     int NOT NULL,
    campaign_id   bigint NOT NULL,
    version       int NOT NULL CHECK (version >= 1),
    window_start  time NOT NULL,       -- in the lead's own time zone
    window_end    time NOT NULL,
    daily_limit   int NOT NULL CHECK (daily_limit > 0),
    ends_at       timestamptz NOT NULL,
    actor         text NOT NULL,
    created_at    timestamptz NOT NULL,
    approved_at   timestamptz,
    approved_by   text,
    PRIMARY KEY (tenant_id, campaign_id, version),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES mailfleet.campaigns,
    CONSTRAINT the_window_opens CHECK (window_start < window_end),
    CONSTRAINT approval_has_an_actor CHECK ((approved_at IS NULL) = (approved_by IS NULL))
);
ALTER TABLE mailfleet.campaigns ADD FOREIGN KEY (tenant_id, campaign_id, approved)
    REFERENCES mailfleet.campaign_versions (tenant_id, campaign_id, version);

CREATE TABLE mailfleet.campaign_steps (
    tenant_id      int NOT NULL,
    campaign_id    bigint NOT NULL,
    version        int NOT NULL,
    step_key       text NOT NULL CHECK (step_key ~ '^[a-z0-9][a-z0-9-]{0,30}$'),
    position       int NOT NULL CHECK (position >= 1),
    delay_days     int NOT NULL CHECK (delay_days >= 0),  -- working days after the step before
    subject        text NOT NULL,      -- Jinja2; a follow-up's empty subject means: as the first, with Re:
    text_body      text NOT NULL,
    html_body      text NOT NULL,
    PRIMARY KEY (tenant_id, campaign_id, version, step_key),
    UNIQUE (tenant_id, campaign_id, version, position),
    FOREIGN KEY (tenant_id, campaign_id, version) REFERENCES mailfleet.campaign_versions
);

-- One lead in one campaign. Keeps the person's hash and outlives the lead's erasure (no foreign key to leads).
CREATE TABLE mailfleet.enrolments (
    tenant_id       int NOT NULL,
    enrolment_id    bigint GENERATED ALWAYS AS IDENTITY,
    campaign_id     bigint NOT NULL,
    lead_id         bigint NOT NULL,
    person_hash     bytea NOT NULL,
    mailbox_id      int NOT NULL,      -- the whole thread leaves by one mailbox
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'ended')),
    ended           text CHECK (ended IN ('finished', 'answered', 'bounced', 'suppressed', 'expired')),
    steps_planned   int NOT NULL DEFAULT 0,   -- planning is a compare-and-set on this
    next_due_at     timestamptz,
    thread          bigint[] NOT NULL DEFAULT '{}',  -- message ids of the steps planned so far
    enrolled_at     timestamptz NOT NULL,
    ended_at        timestamptz,
    PRIMARY KEY (tenant_id, enrolment_id),
    UNIQUE (tenant_id, campaign_id, lead_id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES mailfleet.campaigns,
    FOREIGN KEY (tenant_id, mailbox_id) REFERENCES mailfleet.mailboxes,
    CONSTRAINT an_end_has_a_reason CHECK ((state = 'ended') = (ended IS NOT NULL)
                                          AND (state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX enrolments_due ON mailfleet.enrolments (tenant_id, campaign_id, next_due_at) WHERE state = 'active';
CREATE INDEX enrolments_person ON mailfleet.enrolments (tenant_id, person_hash);

-- 0003_messages

-- The ledger: what we mean to send, what was begun, and how it ended.

-- Who holds what, on the machine clock. A batch, or a node's wave, is a lease; its fence grows with every holder.
CREATE TABLE mailfleet.leases (
    lease_id    bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL UNIQUE,  -- 'wave node-1', or 'batch <uuid>'
    node_id     int NOT NULL REFERENCES mailfleet.nodes,
    holder      text NOT NULL,
    fence       bigint NOT NULL DEFAULT 1,
    expires_at  timestamptz NOT NULL
);

CREATE TABLE mailfleet.messages (
    tenant_id         int NOT NULL REFERENCES mailfleet.tenants,
    message_id        bigint PRIMARY KEY,  -- keyed hash of tenant, campaign, person, step: equal again after a restore
    kind              text NOT NULL CHECK (kind IN ('campaign', 'warmup', 'seed', 'reply', 'test')),
    campaign_id       bigint,
    campaign_version  int,
    step_key          text,
    step_position     int,
    enrolment_id      bigint,
    lead_id           bigint,
    import_id         bigint,              -- the lead's file: breakers watch it
    person_hash       bytea NOT NULL,
    address_hash      bytea NOT NULL,
    mailbox_id        int NOT NULL,
    domain_id         int NOT NULL,
    receiver          text NOT NULL,
    thread            bigint[] NOT NULL DEFAULT '{}',   -- earlier messages of the same thread, oldest first
    state             text NOT NULL CHECK (state IN (
        'planned',    -- waits for its time and a route
        'claimed',    -- in a worker's batch; nothing sent
        'sending',    -- begun: committed before its first byte
        'deferred',   -- not now; due again later
        'held',       -- a stop holds it, visibly, until hold_until
        'submitted',  -- an egress accepted it
        'delivered',  -- the other side reported it
        'bounced',    -- accepted by the first hop, returned later
        'refused',    -- an egress said never
        'dropped',    -- our decision at the gate
        'expired',    -- its time passed
        'unknown')),  -- it may have left: settled only by evidence
    reason            text,
    due_at            timestamptz NOT NULL,   -- business time
    expires_at        timestamptz NOT NULL,
    hold_until        timestamptz,
    node_id           int REFERENCES mailfleet.nodes,
    egress_owner      int,
    egress_id         int,
    lease_id          bigint REFERENCES mailfleet.leases,
    fence             bigint,
    allowed_hour      timestamptz,            -- the hour (business time) whose allowances it took; given back if it is not begun
    attempt           int NOT NULL DEFAULT 0,
    began_at          timestamptz,            -- machine time of the last begin
    queue_ref         text,                   -- the egress's own reference of the last try (a queue id)
    planned_at        timestamptz NOT NULL,
    submitted_at      timestamptz,            -- business time
    ended_at          timestamptz,
    UNIQUE (tenant_id, message_id),
    FOREIGN KEY (tenant_id, mailbox_id) REFERENCES mailfleet.mailboxes,
    FOREIGN KEY (tenant_id, domain_id) REFERENCES mailfleet.domains,
    FOREIGN KEY (tenant_id, campaign_id, campaign_version, step_key) REFERENCES mailfleet.campaign_steps (tenant_id, campaign_id, version, step_key),
    FOREIGN KEY (tenant_id, enrolment_id) REFERENCES mailfleet.enrolments,
    FOREIGN KEY (egress_owner, egress_id) REFERENCES mailfleet.egresses (owner_id, egress_id),
    FOREIGN KEY (node_id, egress_id) REFERENCES mailfleet.egresses (node_id, egress_id),
    CONSTRAINT own_or_shared_egress CHECK (egress_owner IS NULL OR egress_owner IN (0, tenant_id)),
    CONSTRAINT a_route_is_whole CHECK ((node_id IS NULL) = (egress_id IS NULL) AND (node_id IS NULL) = (egress_owner IS NULL)),
    CONSTRAINT only_a_batch_has_a_lease CHECK ((state IN ('claimed', 'sending')) = (lease_id IS NOT NULL)
                                               AND (lease_id IS NULL) = (fence IS NULL)),
    CONSTRAINT a_claim_took_its_allowances CHECK (state <> 'claimed' OR allowed_hour IS NOT NULL),
    CONSTRAINT what_was_begun_has_a_route CHECK (state NOT IN ('claimed', 'sending', 'submitted', 'delivered', 'bounced', 'refused', 'unknown')
                                                 OR node_id IS NOT NULL),
    CONSTRAINT what_was_begun_has_a_start CHECK (state NOT IN ('sending', 'submitted', 'delivered', 'bounced', 'refused', 'unknown')
                                                 OR (began_at IS NOT NULL AND attempt >= 1)),
    CONSTRAINT a_hold_has_reason_and_end CHECK ((state = 'held') = (hold_until IS NOT NULL) AND (state <> 'held' OR reason IS NOT NULL)),
    CONSTRAINT our_decisions_have_a_reason CHECK (state NOT IN ('dropped', 'expired', 'refused', 'unknown') OR reason IS NOT NULL),
    CONSTRAINT what_was_accepted_has_a_time CHECK (state NOT IN ('submitted', 'delivered') OR submitted_at IS NOT NULL),
    CONSTRAINT an_end_has_a_time CHECK ((state IN ('delivered', 'bounced', 'refused', 'dropped', 'expired')) = (ended_at IS NOT NULL)),
    CONSTRAINT a_campaign_message_is_whole CHECK (kind <> 'campaign' OR num_nulls(campaign_id, campaign_version, step_key, step_position, enrolment_id, lead_id, import_id) = 0)
);
-- Law: one message per person, campaign and step, whatever happens.
CREATE UNIQUE INDEX messages_once ON mailfleet.messages (tenant_id, campaign_id, lead_id, step_key) WHERE kind = 'campaign';
CREATE INDEX messages_due ON mailfleet.messages (node_id, due_at, message_id) WHERE state IN ('planned', 'deferred');
CREATE INDEX messages_batch ON mailfleet.messages (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX messages_waiting ON mailfleet.messages (state, node_id) WHERE state IN ('held', 'unknown');
CREATE INDEX messages_lead ON mailfleet.messages (tenant_id, lead_id);
CREATE INDEX messages_campaign ON mailfleet.messages (tenant_id, campaign_id, state);
CREATE INDEX messages_queue ON mailfleet.messages (node_id, queue_ref) WHERE queue_ref IS NOT NULL;

-- Every try as the worker saw it, appended; `late` is what a worker saw after it lost its lease.
CREATE TABLE mailfleet.attempts (
    tenant_id    int NOT NULL,
    message_id   bigint NOT NULL,
    attempt      int NOT NULL,
    node_id      int NOT NULL,
    egress_id    int NOT NULL,
    fence        bigint,
    started_at   timestamptz NOT NULL,      -- machine time
    ended_at     timestamptz NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('accepted', 'deferred', 'refused', 'unknown')),
    about        text CHECK (about IN ('recipient', 'mailbox', 'domain', 'egress', 'content', 'tenant', 'ours')),
    reply        text,
    queue_ref    text,
    late         boolean NOT NULL DEFAULT false,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (recorded_at);
CREATE INDEX attempts_message ON mailfleet.attempts (message_id, attempt);

-- How much of each dimension an hour took. A day is the last 24 rows. Locked in one order: dimension, key, receiver, hour.
CREATE TABLE mailfleet.allowances (
    tenant_id  int,                        -- NULL: a dimension that tenants share (a shared egress)
    dimension  text NOT NULL CHECK (dimension IN ('tenant', 'campaign', 'domain', 'mailbox', 'egress')),
    key        bigint NOT NULL,
    receiver   text NOT NULL DEFAULT '',
    hour       timestamptz NOT NULL,       -- business time, whole hours
    used       int NOT NULL DEFAULT 0 CHECK (used >= 0),
    PRIMARY KEY (dimension, key, receiver, hour)
);

-- What each message was judged to be, once: the breakers' windows are read from here.
CREATE TABLE mailfleet.verdicts (
    tenant_id    int NOT NULL,
    message_id   bigint PRIMARY KEY,
    verdict      text NOT NULL CHECK (verdict IN ('accepted', 'hard', 'inactive', 'full', 'soft', 'block', 'auth', 'content', 'ours')),
    campaign_id  bigint,
    mailbox_id   int NOT NULL,
    domain_id    int NOT NULL,
    import_id    bigint,
    receiver     text NOT NULL,
    complained   boolean NOT NULL DEFAULT false,
    judged_at    timestamptz NOT NULL,     -- business time
    complained_at timestamptz,
    CONSTRAINT a_complaint_has_a_time CHECK (complained = (complained_at IS NOT NULL)),
    FOREIGN KEY (tenant_id, message_id) REFERENCES mailfleet.messages (tenant_id, message_id) ON DELETE CASCADE
);
CREATE INDEX verdicts_campaign ON mailfleet.verdicts (campaign_id, judged_at DESC);
CREATE INDEX verdicts_mailbox ON mailfleet.verdicts (mailbox_id, judged_at DESC);
CREATE INDEX verdicts_domain ON mailfleet.verdicts (domain_id, judged_at DESC);
CREATE INDEX verdicts_import ON mailfleet.verdicts (import_id, judged_at DESC);

-- 0004_feedback_and_control

-- What the world answered, whom we must not write to, what was decided and by whom.

-- "Once" for everything that can be delivered to us twice. Partitioned tables cannot say it. Kept 400 days.
CREATE TABLE mailfleet.event_keys (
    source       text NOT NULL,
    natural_key  bytea NOT NULL,
    seen_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, natural_key)
);

-- Whatever arrives, raw, before anybody tries to understand it.
CREATE TABLE mailfleet.inbox (
    inbox_id        bigint GENERATED ALWAYS AS IDENTITY,
    source          text NOT NULL CHECK (source IN ('maildir', 'node_log', 'one_click')),
    node_id         int,                    -- node_log: whose log
    place           text NOT NULL,          -- maildir: the domain; node_log: the file; one_click: the host
    body            bytea NOT NULL,
    received_at     timestamptz NOT NULL,   -- business time
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    parser_version  int,                    -- NULL: nobody has looked at it yet
    applied_at      timestamptz,
    understood      text,                   -- what it was taken for; 'not_understood' stays visible
    CONSTRAINT applied_once CHECK ((applied_at IS NULL) = (understood IS NULL))
) PARTITION BY RANGE (recorded_at);
CREATE INDEX inbox_waiting ON mailfleet.inbox (recorded_at, inbox_id) WHERE applied_at IS NULL;

-- A DeliveryEvent: one thing that happened to one message, from whichever source.
CREATE TABLE mailfleet.events (
    event_id     bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id    int NOT NULL,
    message_id   bigint NOT NULL,
    event        text NOT NULL,             -- policy.lifecycle.Event
    source       text NOT NULL CHECK (source IN ('attempt', 'node_log', 'dsn', 'arf', 'reply', 'auto_reply', 'one_click', 'gate', 'house', 'operator')),
    before       text NOT NULL,             -- the message's state when it came, and after
    after        text NOT NULL,
    verdict      text,
    about        text,
    reply        text,
    inbox_id     bigint,
    occurred_at  timestamptz NOT NULL,      -- business time
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (recorded_at);
CREATE INDEX events_message ON mailfleet.events (message_id, event_id);

CREATE TABLE mailfleet.suppressions (
    suppression_id  bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind            text NOT NULL CHECK (kind IN ('address', 'domain')),
    tenant_id       int REFERENCES mailfleet.tenants,   -- NULL: for every tenant
    person_hash     bytea,
    address_hash    bytea,
    hash_key_id     smallint,
    domain          text,
    reason          text NOT NULL CHECK (reason IN ('unsubscribe', 'complaint', 'erasure', 'legal', 'hard', 'inactive', 'objection', 'operator')),
    since           timestamptz NOT NULL,   -- business time
    expires_at      timestamptz,
    evidence        text NOT NULL,
    actor           text NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),  -- machine time: "after" is judged by it
    UNIQUE NULLS NOT DISTINCT (kind, tenant_id, person_hash, address_hash, domain, reason),
    CONSTRAINT a_kind_has_its_key CHECK (
        CASE kind WHEN 'address' THEN num_nonnulls(person_hash, address_hash) >= 1 AND hash_key_id IS NOT NULL AND domain IS NULL
                  ELSE num_nonnulls(person_hash, address_hash, hash_key_id) = 0 AND domain IS NOT NULL END),
    CONSTRAINT some_never_expire CHECK (expires_at IS NULL OR reason NOT IN ('unsubscribe', 'complaint', 'erasure', 'legal'))
);
CREATE INDEX suppressions_person ON mailfleet.suppressions (person_hash);
CREATE INDEX suppressions_address ON mailfleet.suppressions (address_hash);
CREATE INDEX suppressions_domain ON mailfleet.suppressions (domain) WHERE domain IS NOT NULL;

-- Whether a lead's domain is suppressed. A node sees no lead whose message has left, and must still pull it out of its
-- queue: so this looks with the owner's rights and gives away a yes or no.
CREATE FUNCTION mailfleet.domain_suppressed(of_tenant int, of_lead bigint, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM mailfleet.leads w JOIN mailfleet.suppressions d ON d.domain = w.domain
                    WHERE w.tenant_id = of_tenant AND w.lead_id = of_lead
                      AND (d.tenant_id IS NULL OR d.tenant_id = of_tenant) AND (d.expires_at IS NULL OR d.expires_at > at))
$$;

-- Every automatic decision: what, on which evidence, until when, and what would end it (law 7).
CREATE TABLE mailfleet.incidents (
    incident_id  bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    tenant_id    int,
    scope        text NOT NULL CHECK (scope IN ('tenant', 'campaign', 'mailbox', 'domain', 'egress', 'node', 'import')),
    scope_id     bigint NOT NULL,
    action       text NOT NULL CHECK (action IN ('warn', 'slow', 'pause', 'rest', 'stop')),
    cause        text NOT NULL,             -- 'bounce rate', 'complaints', ...
    evidence     jsonb NOT NULL,
    since        timestamptz NOT NULL,
    until        timestamptz,
    ends_when    text NOT NULL,
    ended_at     timestamptz
);
CREATE UNIQUE INDEX incidents_open ON mailfleet.incidents (scope, scope_id, cause, action) WHERE ended_at IS NULL;

-- A flag that holds its scope. Read in the claim and again in the statement that begins a chunk.
CREATE TABLE mailfleet.stops (
    stop_id      bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    tenant_id    int,
    scope        text NOT NULL CHECK (scope IN ('tenant', 'campaign', 'mailbox', 'domain', 'egress', 'node', 'import')),
    scope_id     bigint NOT NULL,
    cause        text NOT NULL CHECK (cause IN ('operator', 'breaker', 'technical')),
    reason       text NOT NULL,
    actor        text NOT NULL,
    incident_id  bigint REFERENCES mailfleet.incidents,
    since        timestamptz NOT NULL,
    until        timestamptz,
    ended_at     timestamptz,
    ended_by     text,
    CONSTRAINT a_breaker_has_its_incident CHECK (cause <> 'breaker' OR incident_id IS NOT NULL)
);
CREATE UNIQUE INDEX stops_open ON mailfleet.stops (scope, scope_id, cause) WHERE ended_at IS NULL;

-- How much of a tenant's mailboxes the breakers have rested in 24 hours, in messages a day (law 7). A node sees only some
-- of the mailboxes, so this counts with the owner's rights and gives away three sums.
CREATE FUNCTION mailfleet.capacity(of_tenant int, of_scope text, of_id bigint, OUT whole bigint, OUT rested bigint, OUT wanted bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(sum(daily_limit), 0), coalesce(sum(daily_limit) FILTER (WHERE is_rested), 0),
           coalesce(sum(daily_limit) FILTER (WHERE is_wanted AND NOT is_rested), 0)
      FROM (SELECT b.daily_limit,
                   EXISTS (SELECT FROM mailfleet.stops s
                            WHERE s.cause = 'breaker' AND s.since > mailfleet.business_now() - interval '24 hours'
                              AND (s.scope = 'mailbox' AND s.scope_id = b.mailbox_id OR s.scope = 'domain' AND s.scope_id = b.domain_id)) AS is_rested,
                   CASE of_scope WHEN 'mailbox' THEN b.mailbox_id WHEN 'domain' THEN b.domain_id END = of_id AS is_wanted
              FROM mailfleet.mailboxes b WHERE b.tenant_id = of_tenant) AS boxes
$$;

-- Alerts that must reach a person: emitted as Prefect events until acknowledged.
CREATE TABLE mailfleet.outbox (
    outbox_id   bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    tenant_id   int,
    event       text NOT NULL CHECK (event LIKE 'mailfleet.%'),
    resource    text NOT NULL,
    payload     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    emitted_at  timestamptz,
    tries       int NOT NULL DEFAULT 0
);
CREATE INDEX outbox_waiting ON mailfleet.outbox (outbox_id) WHERE emitted_at IS NULL;

-- What a node last said of itself: the ground on which "absent" may be concluded (law 3). Machine time.
CREATE TABLE mailfleet.heartbeats (
    node_id        int PRIMARY KEY REFERENCES mailfleet.nodes,
    beat_at        timestamptz NOT NULL,
    worker         text NOT NULL,
    postfix_up     boolean NOT NULL DEFAULT false,
    log_cursor     jsonb NOT NULL DEFAULT '{}',   -- file identity and offset
    log_read_at    timestamptz,            -- everything logged before this was read
    queue_read_at  timestamptz,
    queued         text[] NOT NULL DEFAULT '{}'   -- queue ids that were in the queue then
);

-- How many chunks a node has begun, counted in the transactions that begin them. The node remembers it outside: a ledger
-- that is behind that was restored. Each node has its own count, for another's sending would hide what is missing.
CREATE TABLE mailfleet.node_chunks (
    node_id  int PRIMARY KEY REFERENCES mailfleet.nodes,
    chunk    bigint NOT NULL
);

-- Which of our messages a node's queue id is. Written by the log reader, needed to attribute later lines.
CREATE TABLE mailfleet.queue_ids (
    node_id     int NOT NULL REFERENCES mailfleet.nodes,
    queue_id    text NOT NULL,
    message_id  bigint NOT NULL,
    active      boolean NOT NULL DEFAULT false,  -- the queue manager took it over: accepted, whatever SMTP said
    logged_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (node_id, queue_id)
);
CREATE INDEX queue_ids_message ON mailfleet.queue_ids (message_id);

-- Every act of an operator, in a chain: hash = sha256(previous hash, this row).
CREATE TABLE mailfleet.audit (
    seq       bigint PRIMARY KEY CHECK (seq >= 1),
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    act       text NOT NULL,
    subject   text NOT NULL,
    details   jsonb NOT NULL,
    previous  bytea NOT NULL,
    hash      bytea NOT NULL UNIQUE
);

-- Months ahead for the partitioned tables. The owner's rights, fixed search path, no text from outside.
CREATE FUNCTION mailfleet.ensure_months(ahead int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text; first timestamptz; made int := 0;
BEGIN
    FOREACH parent IN ARRAY ARRAY['attempts', 'inbox', 'events'] LOOP
        FOR month IN 0 .. least(ahead, 36) LOOP
            first := date_trunc('month', clock_timestamp(), 'UTC') + month * interval '1 month';
            IF to_regclass(format('mailfleet.%I', parent || to_char(first AT TIME ZONE 'UTC', '_YYYY_MM'))) IS NULL THEN
                EXECUTE format('CREATE TABLE mailfleet.%I PARTITION OF mailfleet.%I FOR VALUES FROM (%L) TO (%L)',
                    parent || to_char(first AT TIME ZONE 'UTC', '_YYYY_MM'), parent, first,
                    date_trunc('month', (first AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
                EXECUTE format('ALTER TABLE mailfleet.%I ENABLE ROW LEVEL SECURITY',
                    parent || to_char(first AT TIME ZONE 'UTC', '_YYYY_MM'));
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
SELECT mailfleet.ensure_months(3);

-- 0005_isolation

-- Who sees what. `@control@` runs the flows, `@tenant@` one tenant's reads (SET LOCAL mailfleet.tenant),
-- `@web@` the public service, `@nodes@` is the group of the nodes' login roles.
-- Partitions and views get no grants: reading them directly would go around these policies.

REVOKE ALL ON SCHEMA mailfleet FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mailfleet FROM PUBLIC;
GRANT USAGE ON SCHEMA mailfleet TO @control@, @tenant@, @web@, @nodes@;

-- An unset setting is '' after SET LOCAL, and '' must mean: nobody.
CREATE FUNCTION mailfleet.my_tenant() RETURNS int LANGUAGE sql STABLE AS $$
    SELECT NULLIF(current_setting('mailfleet.tenant', true), '')::int
$$;
REVOKE ALL ON FUNCTION mailfleet.my_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mailfleet.my_tenant() TO @tenant@;
GRANT EXECUTE ON FUNCTION mailfleet.my_node() TO @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.business_now() TO @control@, @tenant@, @web@, @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.ensure_months(int) TO @control@;

DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'mailfleet' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version' LOOP
        EXECUTE format('ALTER TABLE mailfleet.%I ENABLE ROW LEVEL SECURITY', name);
    END LOOP;
    FOR name IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'mailfleet' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                   AND c.relname NOT IN ('alembic_version', 'audit', 'clock') LOOP
        EXECUTE format('CREATE POLICY all_tenants ON mailfleet.%I FOR ALL TO @control@ USING (true) WITH CHECK (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON mailfleet.%I TO @control@', name);
    END LOOP;
END $$;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA mailfleet TO @control@;

-- The audit is appended, never changed; the clock is moved, never set.
CREATE POLICY appended ON mailfleet.audit FOR INSERT TO @control@ WITH CHECK (true);
CREATE POLICY readable ON mailfleet.audit FOR SELECT TO @control@ USING (true);
GRANT SELECT, INSERT ON mailfleet.audit TO @control@;
CREATE POLICY moved ON mailfleet.clock FOR UPDATE TO @control@ USING (true) WITH CHECK (true);
CREATE POLICY readable ON mailfleet.clock FOR SELECT TO @control@, @tenant@, @web@, @nodes@ USING (true);
GRANT SELECT ON mailfleet.clock TO @control@, @tenant@, @web@, @nodes@;
GRANT UPDATE (business_at, wall_at) ON mailfleet.clock TO @control@;

-- A tenant's session: its own rows, whatever the statement says. Keys and sealed columns are not granted.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'directions', 'domains', 'mailboxes', 'routes', 'imports', 'refused_rows', 'leads',
                                'campaigns', 'campaign_versions', 'campaign_steps', 'enrolments', 'messages', 'attempts', 'events',
                                'verdicts', 'suppressions', 'incidents', 'stops'] LOOP
        EXECUTE format('CREATE POLICY own_rows ON mailfleet.%I FOR ALL TO @tenant@
                        USING (tenant_id = mailfleet.my_tenant()) WITH CHECK (tenant_id = mailfleet.my_tenant())', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['directions', 'mailboxes', 'routes', 'imports', 'refused_rows', 'campaigns', 'campaign_versions',
                                'campaign_steps', 'enrolments', 'messages', 'attempts', 'events', 'verdicts', 'suppressions',
                                'incidents', 'stops', 'leads'] LOOP
        EXECUTE format('GRANT SELECT ON mailfleet.%I TO @tenant@', name);
    END LOOP;
END $$;
GRANT SELECT (tenant_id, slug, name, legal_name, postal_address, contact, privacy_url, daily_limit, created_at) ON mailfleet.tenants TO @tenant@;
GRANT SELECT (tenant_id, domain_id, name, bounce_domain, tracking_host, hourly_limit, dkim_selector) ON mailfleet.domains TO @tenant@;
-- What a tenant may do by itself: say whom not to write to.
GRANT INSERT ON mailfleet.suppressions TO @tenant@;

-- The public service: what arrives, and "never again" for whoever asks. It reads no person.
CREATE POLICY arrives ON mailfleet.inbox FOR INSERT TO @web@ WITH CHECK (source = 'one_click' AND applied_at IS NULL);
GRANT INSERT ON mailfleet.inbox TO @web@;
CREATE POLICY arrives ON mailfleet.event_keys FOR INSERT TO @web@ WITH CHECK (source = 'one_click');
CREATE POLICY seen ON mailfleet.event_keys FOR SELECT TO @web@ USING (source = 'one_click');
GRANT SELECT, INSERT ON mailfleet.event_keys TO @web@;
CREATE POLICY unsubscribe ON mailfleet.suppressions FOR INSERT TO @web@
    WITH CHECK (reason = 'unsubscribe' AND kind = 'address' AND tenant_id IS NOT NULL AND expires_at IS NULL);
CREATE POLICY unsubscribed ON mailfleet.suppressions FOR SELECT TO @web@ USING (reason = 'unsubscribe');
GRANT INSERT ON mailfleet.suppressions TO @web@;
GRANT SELECT (kind, tenant_id, person_hash, address_hash, domain, reason) ON mailfleet.suppressions TO @web@;

-- A node: its own messages and what they need; it moves state, claim and result, and no message to another node.
CREATE POLICY own_name ON mailfleet.nodes FOR SELECT TO @nodes@ USING (role_name = current_user);
CREATE POLICY own ON mailfleet.egresses FOR SELECT TO @nodes@ USING (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.leases FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.heartbeats FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.node_chunks FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
CREATE POLICY own ON mailfleet.queue_ids FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node()))
    WITH CHECK (node_id = (SELECT mailfleet.my_node()) AND EXISTS (
        SELECT 1 FROM mailfleet.messages m WHERE m.message_id = queue_ids.message_id));
CREATE POLICY own ON mailfleet.messages FOR ALL TO @nodes@ USING (node_id = (SELECT mailfleet.my_node())) WITH CHECK (node_id = (SELECT mailfleet.my_node()));
GRANT SELECT ON mailfleet.nodes, mailfleet.egresses, mailfleet.messages TO @nodes@;
GRANT SELECT, INSERT, UPDATE, DELETE ON mailfleet.leases TO @nodes@;
GRANT SELECT, INSERT, UPDATE ON mailfleet.heartbeats, mailfleet.node_chunks, mailfleet.queue_ids TO @nodes@;
GRANT UPDATE (state, reason, due_at, hold_until, lease_id, fence, allowed_hour, attempt, began_at, queue_ref, submitted_at, ended_at) ON mailfleet.messages TO @nodes@;

CREATE POLICY of_my_messages ON mailfleet.leads FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = leads.tenant_id AND m.lead_id = leads.lead_id
       AND m.state IN ('planned', 'deferred', 'claimed', 'sending')));
-- Whether the thread still goes on: read in the claim and again in the begin.
CREATE POLICY of_my_messages ON mailfleet.enrolments FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = enrolments.tenant_id AND m.lead_id = enrolments.lead_id
       AND m.enrolment_id = enrolments.enrolment_id));
GRANT SELECT (tenant_id, enrolment_id, state, ended) ON mailfleet.enrolments TO @nodes@;
-- By the mailboxes that leave by this node, not by its messages: those would be searched to the end for every campaign of others.
CREATE POLICY of_my_egresses ON mailfleet.campaigns FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = campaigns.tenant_id AND b.direction_id = campaigns.direction_id));
CREATE POLICY of_my_egresses ON mailfleet.campaign_versions FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.campaigns c WHERE c.tenant_id = campaign_versions.tenant_id AND c.campaign_id = campaign_versions.campaign_id));
CREATE POLICY of_my_egresses ON mailfleet.campaign_steps FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.campaigns c WHERE c.tenant_id = campaign_steps.tenant_id AND c.campaign_id = campaign_steps.campaign_id));
CREATE POLICY of_my_egresses ON mailfleet.routes FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.egresses e WHERE e.egress_id = routes.egress_id));
CREATE POLICY of_my_egresses ON mailfleet.mailboxes FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.routes r WHERE r.tenant_id = mailboxes.tenant_id AND r.mailbox_id = mailboxes.mailbox_id));
CREATE POLICY of_my_egresses ON mailfleet.domains FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = domains.tenant_id AND b.domain_id = domains.domain_id));
CREATE POLICY of_my_egresses ON mailfleet.tenants FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = tenants.tenant_id));
CREATE POLICY of_my_egresses ON mailfleet.directions FOR SELECT TO @nodes@ USING (EXISTS (
    SELECT 1 FROM mailfleet.mailboxes b WHERE b.tenant_id = directions.tenant_id));
GRANT SELECT ON mailfleet.leads, mailfleet.campaigns, mailfleet.campaign_versions, mailfleet.campaign_steps, mailfleet.routes,
    mailfleet.mailboxes, mailfleet.domains, mailfleet.tenants, mailfleet.directions TO @nodes@;

-- What a gate and a breaker must see of the whole fleet: hashes, flags and counts, no person.
CREATE POLICY gate ON mailfleet.suppressions FOR SELECT TO @nodes@ USING (true);
GRANT SELECT (suppression_id, kind, tenant_id, person_hash, address_hash, hash_key_id, domain, reason, since, expires_at) ON mailfleet.suppressions TO @nodes@;
CREATE POLICY hard ON mailfleet.suppressions FOR INSERT TO @nodes@ WITH CHECK (reason IN ('hard', 'inactive') AND kind = 'address' AND tenant_id IS NULL);
GRANT INSERT ON mailfleet.suppressions TO @nodes@;
CREATE POLICY gate ON mailfleet.stops FOR SELECT TO @nodes@ USING (true);
CREATE POLICY breaker ON mailfleet.stops FOR INSERT TO @nodes@ WITH CHECK (cause = 'breaker');
GRANT SELECT, INSERT ON mailfleet.stops TO @nodes@;
CREATE POLICY gate ON mailfleet.incidents FOR SELECT TO @nodes@ USING (true);
CREATE POLICY breaker ON mailfleet.incidents FOR INSERT TO @nodes@ WITH CHECK (true);
GRANT SELECT, INSERT ON mailfleet.incidents TO @nodes@;
-- What has run out would stand in the way of the next decision: a node may end it, at the time it ran out.
CREATE POLICY expired ON mailfleet.stops FOR UPDATE TO @nodes@
    USING (cause = 'breaker' AND ended_at IS NULL AND until <= mailfleet.business_now()) WITH CHECK (ended_at = until);
GRANT UPDATE (ended_at, ended_by) ON mailfleet.stops TO @nodes@;
CREATE POLICY expired ON mailfleet.incidents FOR UPDATE TO @nodes@
    USING (ended_at IS NULL AND until <= mailfleet.business_now()) WITH CHECK (ended_at = until);
GRANT UPDATE (ended_at) ON mailfleet.incidents TO @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.capacity(int, text, bigint) TO @control@, @nodes@;
GRANT EXECUTE ON FUNCTION mailfleet.domain_suppressed(int, bigint, timestamptz) TO @nodes@;
CREATE POLICY breaker ON mailfleet.outbox FOR INSERT TO @nodes@ WITH CHECK (emitted_at IS NULL);
GRANT INSERT ON mailfleet.outbox TO @nodes@;
CREATE POLICY counts ON mailfleet.allowances FOR ALL TO @nodes@ USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON mailfleet.allowances TO @nodes@;
CREATE POLICY counts ON mailfleet.verdicts FOR SELECT TO @nodes@ USING (true);
CREATE POLICY of_my_messages ON mailfleet.verdicts FOR INSERT TO @nodes@ WITH CHECK (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.message_id = verdicts.message_id));
GRANT SELECT, INSERT ON mailfleet.verdicts TO @nodes@;
CREATE POLICY gate ON mailfleet.ledger_epoch FOR SELECT TO @nodes@ USING (true);
CREATE POLICY hold ON mailfleet.ledger_epoch FOR UPDATE TO @nodes@ USING (state = 'open') WITH CHECK (state = 'holding');
GRANT SELECT ON mailfleet.ledger_epoch TO @nodes@;
GRANT UPDATE (state, since, reason) ON mailfleet.ledger_epoch TO @nodes@;

-- What a node appends: its tries, the events of its own messages, its log.
CREATE POLICY own ON mailfleet.attempts FOR INSERT TO @nodes@ WITH CHECK (node_id = (SELECT mailfleet.my_node()) AND EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = attempts.tenant_id AND m.message_id = attempts.message_id));
GRANT INSERT ON mailfleet.attempts TO @nodes@;
CREATE POLICY of_my_messages ON mailfleet.events FOR INSERT TO @nodes@ WITH CHECK (EXISTS (
    SELECT 1 FROM mailfleet.messages m WHERE m.tenant_id = events.tenant_id AND m.message_id = events.message_id));
GRANT INSERT ON mailfleet.events TO @nodes@;
CREATE POLICY own ON mailfleet.inbox FOR INSERT TO @nodes@
    WITH CHECK (source = 'node_log' AND node_id = (SELECT mailfleet.my_node()) AND applied_at IS NULL);
GRANT INSERT ON mailfleet.inbox TO @nodes@;
CREATE POLICY own ON mailfleet.event_keys FOR INSERT TO @nodes@ WITH CHECK (source = 'node_log');
CREATE POLICY own_seen ON mailfleet.event_keys FOR SELECT TO @nodes@ USING (source = 'node_log');
GRANT SELECT, INSERT ON mailfleet.event_keys TO @nodes@;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA mailfleet TO @nodes@, @web@, @tenant@;
