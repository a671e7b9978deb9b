-- values: [500.0]
SELECT object_id FROM objects WHERE score <= ?
