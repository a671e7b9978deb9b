-- values: ["199000"]
SELECT object_id FROM objects WHERE doc -> 'a' -> 'b' > $1::text::jsonb AND doc -> 'a' -> 'b' < 'false'
