-- values: ["s5000"]
SELECT object_id FROM objects WHERE status = ?
