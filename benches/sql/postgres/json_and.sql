-- values: ["\"s77\"", "100000"]
SELECT object_id FROM objects WHERE doc -> 'sku' = $1::text::jsonb AND (doc -> 'a' -> 'b' >= $2::text::jsonb OR jsonb_typeof(doc -> 'a' -> 'b') <> 'number' OR doc -> 'a' -> 'b' IS NULL)
