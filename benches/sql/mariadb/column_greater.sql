-- values: [199000]
SELECT object_id FROM objects WHERE year > ?
