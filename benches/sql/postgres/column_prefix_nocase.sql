SELECT object_id FROM objects WHERE lower(translate(title, 'Kſ', 'ks') COLLATE "C") >= 'title 1999' AND lower(translate(title, 'Kſ', 'ks') COLLATE "C") < 'title 199:'
