SELECT object_id FROM objects WHERE (doc -> 'a' -> 'b' <= '1000' OR doc -> 'a' -> 'b' >= 'false' OR doc -> 'a' -> 'b' IS NULL)
