SELECT object_id FROM objects WHERE doc -> 'a' -> 'b' > '199000' AND doc -> 'a' -> 'b' < 'false'
