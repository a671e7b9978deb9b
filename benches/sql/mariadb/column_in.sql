SELECT object_id FROM objects WHERE status IN ('s5', 's50', 's500', 's5000', 'none')
