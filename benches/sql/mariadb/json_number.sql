SELECT object_id FROM objects WHERE g_b = 12345e0
