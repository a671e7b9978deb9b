SELECT object_id FROM objects WHERE g_sku IN ('s5', 's50', 's500', 's5000', 'none') AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING'
