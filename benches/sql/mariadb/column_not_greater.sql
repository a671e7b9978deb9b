-- values: [1000]
SELECT object_id FROM objects WHERE year <= ?
