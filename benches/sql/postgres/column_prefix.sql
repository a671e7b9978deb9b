-- values: ["Title 1999", "Title 199:"]
SELECT object_id FROM objects WHERE title >= $1 AND title < $2
