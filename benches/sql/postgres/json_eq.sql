SELECT object_id FROM objects WHERE doc @? '$ ? (@."sku" == "s5000")'
