SELECT object_id FROM objects WHERE lower(replace(replace(title, 'K', 'k'), 'ſ', 's')) >= 'title 1999' AND lower(replace(replace(title, 'K', 'k'), 'ſ', 's')) < 'title 199:'
