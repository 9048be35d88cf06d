package loadtest

import _ "embed"

// PlanSchema is the JSON Schema of the plan file, for editors.
//
//go:embed plan.schema.json
var PlanSchema []byte
