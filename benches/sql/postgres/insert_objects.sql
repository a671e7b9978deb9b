INSERT INTO objects VALUES ($1, $2::text::jsonb, $3, $4, $5, $6)
