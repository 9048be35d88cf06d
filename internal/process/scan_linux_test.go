package process

func forceScan(t *Tree, scan bool) { t.kin.scan = scan }
