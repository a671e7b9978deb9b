INSERT INTO object_tags VALUES ($1, $2)
