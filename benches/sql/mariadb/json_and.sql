SELECT object_id FROM objects WHERE g_sku = 's77' AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING' AND (g_b >= 100000e0 OR g_b IS NULL)
