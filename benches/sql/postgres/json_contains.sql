SELECT object_id FROM objects WHERE strpos(doc ->> 'note', '9999') > 0 AND jsonb_typeof(doc -> 'note') = 'string'
