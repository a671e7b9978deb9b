SELECT object_id FROM objects WHERE ((g_sku = 's77' AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING') OR g_b = 12345e0)
