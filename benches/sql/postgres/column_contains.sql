SELECT object_id FROM objects WHERE strpos(title, '9999') > 0
