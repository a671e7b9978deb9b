-- values: [1000.0]
SELECT object_id FROM objects WHERE (g_b <= ? OR g_b IS NULL)
