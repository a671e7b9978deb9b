SELECT object_id FROM objects WHERE status IN (SELECT value FROM json_each(?))
