-- values: ["s5000"]
SELECT object_id FROM objects WHERE g_sku = ? AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING'
