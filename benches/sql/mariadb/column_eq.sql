SELECT object_id FROM objects WHERE status = 's5000'
