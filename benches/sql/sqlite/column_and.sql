-- values: ["s77", 100000]
SELECT object_id FROM objects WHERE status = ? AND year >= ?
