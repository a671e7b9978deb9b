-- values: ["Title 1999", "Title 199:"]
SELECT object_id FROM objects WHERE title >= ? AND title < ?
