SELECT object_id FROM objects WHERE doc -> 'sku' = '"s77"' AND (doc -> 'a' -> 'b' >= '100000' OR jsonb_typeof(doc -> 'a' -> 'b') <> 'number' OR doc -> 'a' -> 'b' IS NULL)
