SELECT object_id FROM objects WHERE COALESCE(JSON_TYPE(JSON_EXTRACT(doc, '$.sku')), 'NULL') = 'NULL'
