-- values: ["s77", 12345]
SELECT object_id FROM objects WHERE status = ? OR year = ?
