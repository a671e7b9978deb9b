INSERT INTO object_tags VALUES (?, ?)
