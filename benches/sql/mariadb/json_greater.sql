SELECT object_id FROM objects WHERE g_b > 199000e0
