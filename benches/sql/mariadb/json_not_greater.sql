SELECT object_id FROM objects WHERE (g_b <= 1000e0 OR g_b IS NULL)
