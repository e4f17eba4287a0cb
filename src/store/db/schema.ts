/**
 * The tables, one block an area. A block is a step of `migrations`: steps run in order, once each, inside one transaction; the
 * number of steps done is the database's user_version. A released step is never edited: a change is a further step.
 * Times are milliseconds since the epoch, sizes bytes, digests `algorithm:hex`, documents canonical JSON.
 */

/** Who is alive: a row per process that changes the store, claims on work, and what GC must not take meanwhile. */
const leases = `
  CREATE TABLE leases (id INTEGER PRIMARY KEY AUTOINCREMENT, boot_id TEXT NOT NULL, created_at INTEGER NOT NULL);
  CREATE TABLE claims (key TEXT PRIMARY KEY, lease INTEGER NOT NULL REFERENCES leases(id) ON DELETE CASCADE) WITHOUT ROWID;
  CREATE TABLE holds (
    lease INTEGER NOT NULL REFERENCES leases(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('blob', 'snapshot')),
    key TEXT NOT NULL,
    PRIMARY KEY (lease, kind, key)
  ) WITHOUT ROWID;
`

const snapshots = `
  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('active', 'committed', 'container', 'removing')),
    parent INTEGER REFERENCES snapshots(id),
    chain_id TEXT UNIQUE,
    diff_id TEXT,
    size INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    entries INTEGER NOT NULL DEFAULT 0,
    lease INTEGER,
    owner TEXT,
    boot_id TEXT NOT NULL,
    synced INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
  );
  CREATE INDEX snapshots_by_parent ON snapshots(parent);
  CREATE INDEX snapshots_by_state ON snapshots(state) WHERE state <> 'committed';
  CREATE INDEX snapshots_unsynced ON snapshots(synced) WHERE synced = 0;
`

/** Which blobs carry which layer content, and where a blob can be mounted from. */
const layers = `
  CREATE TABLE layer_blobs (
    diff_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    annotations TEXT,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (diff_id, digest)
  ) WITHOUT ROWID;
  CREATE TABLE blob_sources (
    digest TEXT NOT NULL,
    repository TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (digest, repository)
  ) WITHOUT ROWID;
`

const images = `
  CREATE TABLE images (
    manifest TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX images_by_id ON images(id);
  CREATE TABLE refs (
    name TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX refs_by_target ON refs(target);
`

const build = `
  CREATE TABLE cache_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    definition_key TEXT NOT NULL,
    content_key TEXT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    facts TEXT NOT NULL,
    inputs TEXT NOT NULL,
    identity TEXT NOT NULL,
    snapshot INTEGER REFERENCES snapshots(id) ON DELETE SET NULL,
    size INTEGER NOT NULL,
    disk INTEGER,
    build TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0
  );
  CREATE UNIQUE INDEX cache_by_definition ON cache_records(definition_key);
  CREATE INDEX cache_by_content ON cache_records(content_key) WHERE content_key IS NOT NULL;
  CREATE INDEX cache_by_kind ON cache_records(kind, used_at);
  CREATE INDEX cache_by_snapshot ON cache_records(snapshot);
  CREATE INDEX cache_by_identity ON cache_records(identity);
  CREATE TABLE cache_mounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    directory TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX cache_mounts_by_key ON cache_mounts(key);
  CREATE TABLE web_files (url TEXT PRIMARY KEY, digest TEXT NOT NULL, etag TEXT, modified INTEGER, seen_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE builds (
    id TEXT PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    status TEXT NOT NULL,
    record TEXT NOT NULL
  );
`

const containers = `
  CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'removing')),
    lease INTEGER,
    created_at INTEGER NOT NULL,
    snapshot INTEGER REFERENCES snapshots(id) ON DELETE SET NULL,
    image TEXT NOT NULL,
    record TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX containers_by_image ON containers(image);
  CREATE TABLE volumes (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE volume_uses (
    volume TEXT NOT NULL REFERENCES volumes(name),
    container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    PRIMARY KEY (volume, container)
  ) WITHOUT ROWID;
  CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE endpoints (
    network TEXT NOT NULL REFERENCES networks(id),
    owner TEXT NOT NULL,
    lease INTEGER REFERENCES leases(id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (network, owner),
    UNIQUE (network, address)
  ) WITHOUT ROWID;
  CREATE INDEX endpoints_by_owner ON endpoints(owner);
`

/** What happened, for `events`; old rows go when it grows. */
const events = `
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    attributes TEXT NOT NULL
  );
  CREATE INDEX events_by_time ON events(at);
  ALTER TABLE containers ADD COLUMN seen TEXT;
`

/** Builds that need not be planned again while nothing that they depend on has changed. */
const remembered = `
  CREATE TABLE remembered_builds (key TEXT PRIMARY KEY, record TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX remembered_by_time ON remembered_builds(at);
`

/** Lists of `manifest create`, until they are pushed or removed. */
const manifestLists = `
  CREATE TABLE manifest_lists (
    list TEXT NOT NULL,
    image TEXT NOT NULL,
    descriptor TEXT NOT NULL,
    manifest BLOB NOT NULL,
    PRIMARY KEY (list, image)
  ) WITHOUT ROWID;
`

/** Many steps have one result, such as all that change nothing: the age of the first is asked for whenever one more is written. */
const cacheAges = `
  DROP INDEX cache_by_identity;
  CREATE INDEX cache_by_identity ON cache_records(identity, kind, created_at);
`

/**
 * What the documents of images say that lists and sweeps ask for. Each document is read once: what a digest names never changes. What is known of an
 * image goes with it; of an index, when no name leads to it any more.
 */
const imageFacts = `
  CREATE TABLE image_facts (
    id INTEGER PRIMARY KEY,
    manifest TEXT NOT NULL UNIQUE REFERENCES images(manifest) ON DELETE CASCADE,
    created INTEGER,
    os TEXT,
    architecture TEXT,
    variant TEXT,
    labels TEXT
  );
  CREATE TABLE image_layers (
    image INTEGER NOT NULL REFERENCES image_facts(id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    diff_id TEXT,
    chain_id TEXT,
    blob TEXT,
    size INTEGER NOT NULL,
    PRIMARY KEY (image, at)
  ) WITHOUT ROWID;
  CREATE TABLE index_facts (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, entries TEXT NOT NULL);
  CREATE TABLE index_members (
    digest TEXT NOT NULL,
    parent INTEGER NOT NULL REFERENCES index_facts(id) ON DELETE CASCADE,
    nested INTEGER NOT NULL,
    PRIMARY KEY (digest, parent)
  ) WITHOUT ROWID;
  CREATE INDEX index_members_by_parent ON index_members(parent);
  CREATE INDEX index_members_nested ON index_members(digest) WHERE nested = 1;
`

export const migrations: readonly string[] = [
  leases,
  snapshots,
  layers,
  images,
  build,
  containers,
  events,
  remembered,
  manifestLists,
  cacheAges,
  imageFacts,
]
