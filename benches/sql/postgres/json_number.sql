-- values: ["12345"]
SELECT object_id FROM objects WHERE doc -> 'a' -> 'b' = $1::text::jsonb
