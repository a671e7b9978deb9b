-- values: ["1000"]
SELECT object_id FROM objects WHERE (doc -> 'a' -> 'b' <= $1::text::jsonb OR doc -> 'a' -> 'b' >= 'false' OR doc -> 'a' -> 'b' IS NULL)
