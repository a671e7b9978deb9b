-- values: ["\"s5000\""]
SELECT object_id FROM objects WHERE doc -> 'sku' = $1::text::jsonb
