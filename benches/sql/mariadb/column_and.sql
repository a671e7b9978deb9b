SELECT object_id FROM objects WHERE status = 's77' AND year >= 100000
