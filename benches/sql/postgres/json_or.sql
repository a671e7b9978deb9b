-- values: ["\"s77\"", "12345"]
SELECT object_id FROM objects WHERE doc -> 'sku' = $1::text::jsonb OR doc -> 'a' -> 'b' = $2::text::jsonb
