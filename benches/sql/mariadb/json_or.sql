-- values: ["s77", 12345.0]
SELECT object_id FROM objects WHERE ((g_sku = ? AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING') OR g_b = ?)
