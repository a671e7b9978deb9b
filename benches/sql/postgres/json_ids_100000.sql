SELECT object_id FROM objects WHERE (doc ->> 'sku') COLLATE "C" = ANY($1::text[]) AND jsonb_typeof(doc -> 'sku') = 'string'
