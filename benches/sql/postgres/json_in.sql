-- values: ["\"s5\"", "\"s50\"", "\"s500\"", "\"s5000\"", "\"none\""]
SELECT object_id FROM objects WHERE doc -> 'sku' IN ($1::text::jsonb, $2::text::jsonb, $3::text::jsonb, $4::text::jsonb, $5::text::jsonb)
