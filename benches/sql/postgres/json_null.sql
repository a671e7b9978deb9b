SELECT object_id FROM objects WHERE (doc -> 'sku' IS NULL OR doc -> 'sku' = 'null')
