-- values: [12345.0]
SELECT object_id FROM objects WHERE g_b = ?
