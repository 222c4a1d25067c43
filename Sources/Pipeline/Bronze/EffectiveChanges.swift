internal import Metadata
internal import Postgres
internal import Primitives

/// Change detection for entities with an effective time, where a document's identity is (key, effective time), and a
/// delete is told from what it deletes.
///
/// Each change gets the instant from which it counts, `_applies_at`: its effective time as a rule; for a document that a
/// full snapshot shows as the present although something newer is known, the batch's own instant.
struct EffectiveChanges {
    let table: BronzeTable
    let batch: Batch

    /// From when the newest known change counts; what came before the entity had an effective time, from its batch's instant.
    private var known: SQLText { "coalesce(l._applies_at, l._run_timestamp)" }
    private var isFull: SQLText { batch.loadType == .full ? "true" : "false" }

    /// (ordinal, kind) of each record that becomes a change.
    ///
    /// `l` is the newest change of the key in effective order; a record that equals it is settled without a look into
    /// the log, so that an unchanged reload stays one join. The others are joined with it by all of their identity, not looked up by
    /// their key: of a few keys with many changes each that would read all changes for each of them.
    var decisions: SQLText {
        """
        WITH candidates AS MATERIALIZED (
            SELECT s._ordinal, s._key_hash, s._effective_at, s._is_delete, s._doc_hash,
                l._key_hash IS NULL OR \(fragment: isRestore) OR \(fragment: isPresentDelete) AS is_certain,
                CASE WHEN s._is_delete THEN 4
                    WHEN \(fragment: isRestore) THEN CASE WHEN l._is_deleted THEN 3 ELSE 5 END
                    WHEN (l._key_hash IS NULL OR l._is_deleted) AND s.is_newest THEN 1 ELSE 2 END AS kind
            FROM (SELECT *, row_number() OVER (PARTITION BY _key_hash
                    ORDER BY _reject_reason IS NULL DESC, _effective_at DESC, _order DESC NULLS LAST, _ordinal DESC) = 1
                    AS is_newest,
                    bool_or(_reject_reason IS NOT NULL) OVER (PARTITION BY _key_hash) AS has_rejected
                FROM \(fragment: table.stage) WHERE _ordinal >= 0) s
            LEFT JOIN \(fragment: table.last) l ON l._key_hash = s._key_hash
            WHERE s._reject_reason IS NULL AND (l._key_hash IS NULL OR l._effective_at IS DISTINCT FROM s._effective_at
                OR l._doc_hash IS DISTINCT FROM s._doc_hash OR l._is_deleted <> s._is_delete))
        SELECT _ordinal, kind FROM candidates WHERE is_certain
        UNION ALL
        SELECT c._ordinal, c.kind FROM candidates c LEFT JOIN (
            SELECT DISTINCT ON (n._ordinal) n._ordinal, o._doc_hash FROM candidates n
            JOIN \(fragment: table.log) o ON o._key_hash = n._key_hash AND o._effective_at = n._effective_at
                AND (o._change = 'delete') = n._is_delete
            WHERE NOT n.is_certain
            ORDER BY n._ordinal, o._run_timestamp DESC, o._raw_file DESC, o._record_no DESC) known
            ON known._ordinal = c._ordinal
        WHERE NOT c.is_certain AND c._doc_hash IS DISTINCT FROM known._doc_hash
        """
    }

    /// The newest record of a key brings the key back, or back to an older state. A rejected record of the key may be
    /// newer, so beside one nothing older is the present.
    private var isRestore: SQLText {
        """
        coalesce(NOT s._is_delete AND s.is_newest AND (l._is_deleted AND (\(fragment: isFull) OR l._by_absence)
            OR \(fragment: isFull) AND NOT l._is_deleted AND NOT s.has_rejected
                AND s._effective_at < \(fragment: known) AND s._doc_hash IS DISTINCT FROM l._doc_hash), false)
        """
    }

    /// A full snapshot shows a live key as deleted, at an older time than what is known of it, or at the same one: also where the
    /// same delete was known before.
    private var isPresentDelete: SQLText {
        """
        coalesce(\(fragment: isFull) AND s._is_delete AND s.is_newest AND NOT l._is_deleted
            AND NOT s.has_rejected AND s._effective_at <= \(fragment: known), false)
        """
    }

    /// Places the logged restores and corrections, which are the present whatever their effective time says, behind what they restore.
    var placeRestores: SQLText {
        """
        UPDATE \(fragment: table.log) g SET
            _order = CASE WHEN \(fragment: isCorrection) OR g._effective_at <= \(fragment: known)
                THEN coalesce(l._order, '') || '\\xff' ELSE g._order END,
            _applies_at = CASE WHEN \(fragment: isCorrection) THEN l._applies_at
                WHEN l._is_deleted THEN greatest(g._effective_at, \(fragment: known))
                ELSE \(fragment: present) END
        FROM \(fragment: table.last) l
        WHERE l._key_hash = g._key_hash AND g._run_timestamp = \(batch.run.timestamp)
            AND (g._change = 'restore' OR \(fragment: isCorrection))
        """
    }

    /// Places the logged deletes of a full batch that are the present likewise: those of keys of which nothing newer is in the batch.
    /// One of the time of what it deletes ends that.
    var placeDeletes: SQLText {
        """
        UPDATE \(fragment: table.log) g SET
            _applies_at = CASE WHEN g._effective_at < \(fragment: known) THEN \(fragment: present) ELSE g._applies_at END,
            _order = CASE WHEN g._effective_at < \(fragment: known) THEN g._order
                ELSE coalesce(l._order, '') || '\\xff' END
        FROM \(fragment: table.last) l
        WHERE l._key_hash = g._key_hash AND g._run_timestamp = \(batch.run.timestamp) AND g._change = 'delete'
            AND NOT l._is_deleted
            AND (g._effective_at, coalesce(g._order, '')) < (\(fragment: known), coalesce(l._order, ''))
            AND NOT EXISTS (SELECT FROM \(fragment: table.stage) n
                WHERE n._key_hash = g._key_hash AND (n._reject_reason IS NOT NULL
                    OR (n._effective_at, coalesce(n._order, ''), n._raw_file, n._record_no)
                        > (g._effective_at, coalesce(g._order, ''), g._raw_file, g._record_no)))
        """
    }

    /// From when the present counts: behind all that is known.
    private var present: SQLText {
        "greatest(\(batch.run.timestamp), \(fragment: known) + INTERVAL '1 microsecond')"
    }

    /// A document of the same effective time as the present one, which was placed behind that time or behind others of it: it
    /// corrects the present.
    private var isCorrection: SQLText {
        """
        (g._change = 'upsert' AND NOT l._is_deleted AND g._effective_at = l._effective_at
            AND (l._applies_at > l._effective_at OR \(fragment: isPlacedBehindEqual)))
        """
    }

    /// The present stands behind others of its time and order, as what restored a key does. No key of the order is the
    /// beginning of another one, so what is longer by these bytes was placed.
    private var isPlacedBehindEqual: SQLText {
        let order: SQLText = "coalesce(g._order, '')"
        return """
            length(l._order) > length(\(fragment: order))
                AND substring(l._order FOR length(\(fragment: order))) = \(fragment: order)
                AND rtrim(substring(l._order FROM length(\(fragment: order)) + 1), '\\xff') = ''
            """
    }

    /// The first batch: every key of the log gets its newest change, in effective order.
    var fillLast: SQLText { addNewest("") }

    /// Brings the newest change of each key, in effective order, up to date.
    var applyToLast: SQLText {
        """
        \(fragment: addNewest("WHERE g._run_timestamp = \(batch.run.timestamp)"))
        ON CONFLICT (_key_hash) DO UPDATE SET \(fragment: LastChanges.replacements),
            _scope = coalesce(excluded._scope, l._scope)
        WHERE (excluded._applies_at, coalesce(excluded._order, '')) >= (\(fragment: known), coalesce(l._order, ''))
        """
    }

    /// Of the logged changes that `condition` tells, adds the newest of each key.
    private func addNewest(_ condition: SQLText) -> SQLText {
        // The log does not tell scopes.
        let stage: SQLText = """
            LEFT JOIN \(fragment: table.stage) s
                ON s._key_hash = g._key_hash AND s._raw_file = g._raw_file AND s._record_no = g._record_no
            """
        let hasScope = !table.isLastInLog
        return """
            INSERT INTO \(fragment: table.last) AS l (\(fragment: LastChanges.columns), _scope)
            SELECT DISTINCT ON (g._key_hash) \(fragment: LastChanges.values),
                \(fragment: hasScope ? "s._scope" : "NULL::uuid")
            FROM \(fragment: table.log) g \(fragment: hasScope ? stage : "") \(fragment: condition)
            ORDER BY g._key_hash, g._applies_at DESC, g._order DESC NULLS LAST, g._raw_file DESC, g._record_no DESC
            """
    }
}
