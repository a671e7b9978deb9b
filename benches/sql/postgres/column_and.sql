-- values: ["s77", 100000]
SELECT object_id FROM objects WHERE status = $1 AND year >= $2
