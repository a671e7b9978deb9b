SELECT object_id FROM objects WHERE g_sku >= 's1999' AND g_sku < 's199:' AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING'
