SELECT object_id FROM objects WHERE score <= 500
