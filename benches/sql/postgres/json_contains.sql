-- values: ["9999"]
SELECT object_id FROM objects WHERE strpos(doc ->> 'note', $1) > 0 AND jsonb_typeof(doc -> 'note') = 'string'
