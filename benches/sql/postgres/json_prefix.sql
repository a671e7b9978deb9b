-- values: ["s1999", "s199:"]
SELECT object_id FROM objects WHERE (doc ->> 'sku') COLLATE "C" >= $1 AND (doc ->> 'sku') COLLATE "C" < $2 AND jsonb_typeof(doc -> 'sku') = 'string'
