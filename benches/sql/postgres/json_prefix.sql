SELECT object_id FROM objects WHERE (doc ->> 'sku') COLLATE "C" >= 's1999' AND (doc ->> 'sku') COLLATE "C" < 's199:' AND jsonb_typeof(doc -> 'sku') = 'string'
