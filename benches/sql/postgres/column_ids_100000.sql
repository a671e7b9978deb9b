SELECT object_id FROM objects WHERE status = ANY($1::text[])
