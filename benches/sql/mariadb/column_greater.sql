SELECT object_id FROM objects WHERE year > 199000
