SELECT object_id FROM objects WHERE doc -> 'sku' = '"s77"' OR doc -> 'a' -> 'b' = '12345'
