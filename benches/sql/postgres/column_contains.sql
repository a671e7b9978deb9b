-- values: ["9999"]
SELECT object_id FROM objects WHERE strpos(title, $1) > 0
