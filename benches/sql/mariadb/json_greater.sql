-- values: [199000.0]
SELECT object_id FROM objects WHERE g_b > ?
