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
