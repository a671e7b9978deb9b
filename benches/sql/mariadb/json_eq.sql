SELECT object_id FROM objects WHERE g_sku = 's5000' AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING'
