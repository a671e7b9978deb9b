-- values: ["t77"]
SELECT object_id FROM objects WHERE object_id IN (SELECT object_id FROM object_tags WHERE tag = ?)
