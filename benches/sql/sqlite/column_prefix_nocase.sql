-- values: ["title 1999", "title 199:"]
SELECT object_id FROM objects WHERE lower(replace(replace(title, 'K', 'k'), 'ſ', 's')) >= ? AND lower(replace(replace(title, 'K', 'k'), 'ſ', 's')) < ?
