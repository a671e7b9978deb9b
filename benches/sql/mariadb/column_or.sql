SELECT object_id FROM objects WHERE status = 's77' OR year = 12345
