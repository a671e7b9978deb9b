SELECT object_id FROM objects WHERE doc -> 'a' -> 'b' = '12345'
