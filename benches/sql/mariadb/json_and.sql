-- values: ["s77", 100000.0]
SELECT object_id FROM objects WHERE g_sku = ? AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING' AND (g_b >= ? OR g_b IS NULL)
