CREATE TEMP TABLE objects (object_id bigint PRIMARY KEY, doc jsonb NOT NULL, status text COLLATE "C" NOT NULL, title text COLLATE "C" NOT NULL, year bigint NOT NULL, score double precision NOT NULL);
CREATE TEMP TABLE object_tags (object_id bigint NOT NULL, tag text COLLATE "C" NOT NULL);
