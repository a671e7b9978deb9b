-- values: ["s5", "s50", "s500", "s5000", "none"]
SELECT object_id FROM objects WHERE g_sku IN (?, ?, ?, ?, ?) AND JSON_TYPE(JSON_EXTRACT(doc, '$.sku')) = 'STRING'
