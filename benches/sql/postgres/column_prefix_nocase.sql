-- values: ["title 1999", "title 199:"]
SELECT object_id FROM objects WHERE lower(translate(title, 'Kſ', 'ks') COLLATE "C") >= $1 AND lower(translate(title, 'Kſ', 'ks') COLLATE "C") < $2
