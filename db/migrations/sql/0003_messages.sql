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
